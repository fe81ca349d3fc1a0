"""Every kind of photo that people have becomes the same upright picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from vision_worker.colour import BACKDROP
from vision_worker.images import Pixels, read_photo

Save = Callable[..., Path]

pillow_heif.register_heif_opener()

# What a camera held otherwise writes: the upright picture, transposed, and the tag that undoes it.
ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def difference(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference, in steps of 255."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def as_stored(portrait: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    transpose = ORIENTATIONS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return (portrait.transpose(transpose) if transpose is not None else portrait), exif


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_each_exif_orientation_gives_the_same_upright_picture(
    portrait: Image.Image, save: Save, orientation: int, extension: str
) -> None:
    upright = portrait.crop((0, 0, 400, 512))
    stored, exif = as_stored(upright, orientation)
    photo = read_photo(save(stored, f"turned.{extension}", exif=exif))
    assert np.array_equal(photo.pixels, np.asarray(upright))
    assert (photo.width, photo.height, photo.scale) == (400, 512, 1.0)


@pytest.mark.parametrize("extension", ["jpg", "webp", "heic", "avif"])
def test_a_phone_held_upright_gives_an_upright_picture_in_every_format_that_phones_write(
    portrait: Image.Image, save: Save, extension: str
) -> None:
    upright = portrait.crop((0, 0, 400, 512))
    stored, exif = as_stored(upright, 6)
    # As bytes, which is how pillow-heif takes it over into the container's own rotation, as phones do.
    photo = read_photo(save(stored, f"phone.{extension}", exif=exif.tobytes(), quality=90))
    assert photo.pixels.shape == (512, 400, 3)
    assert difference(photo.pixels, np.asarray(upright)) < 5


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "heic", "tif", "bmp", "jp2", "ppm"])
def test_each_format_is_read(portrait: Image.Image, save: Save, pixels: Pixels, extension: str) -> None:
    photo = read_photo(save(portrait, f"photo.{extension}"))
    assert difference(photo.pixels, pixels) < 6


def test_the_name_does_not_matter(portrait: Image.Image, save: Save, pixels: Pixels) -> None:
    path = save(portrait, "photo.png")
    assert np.array_equal(read_photo(path.rename(path.with_name("input-photo"))).pixels, pixels)


def test_transparency_shows_a_neutral_backdrop(portrait: Image.Image, save: Save, pixels: Pixels) -> None:
    alpha = Image.new("L", portrait.size, 255)
    alpha.paste(0, (0, 0, 256, 512))
    cut_out = portrait.copy()
    cut_out.putalpha(alpha)
    read = read_photo(save(cut_out, "cut.png")).pixels
    assert (read[:, :256] == BACKDROP).all()
    assert np.array_equal(read[:, 256:], pixels[:, 256:])


def test_half_transparency_mixes_picture_and_backdrop(save: Save) -> None:
    read = read_photo(save(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "half.png")).pixels
    assert np.abs(read.astype(int) - BACKDROP[0] / 2).max() <= 1


def test_a_palette_with_a_transparent_colour_is_read(portrait: Image.Image, save: Save) -> None:
    palette = portrait.quantize(64)
    corner = palette.getpixel((511, 200))
    read = read_photo(save(palette, "palette.gif", transparency=corner)).pixels
    assert tuple(read[200, 511]) == BACKDROP
    assert difference(read_photo(save(palette, "palette.png")).pixels, np.asarray(portrait)) < 12


def test_grey_and_black_and_white_become_three_equal_channels(portrait: Image.Image, save: Save) -> None:
    for mode in ("L", "LA", "1"):
        read = read_photo(save(portrait.convert(mode), f"{mode}.png")).pixels
        assert read.shape == (512, 512, 3)
        assert (read[..., 0] == read[..., 1]).all()
        assert (read[..., 0] == read[..., 2]).all()
        assert read.min() < 10
        assert read.max() > 240


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(pixels: Pixels, tmp_path: Path, extension: str) -> None:
    deep = pixels.astype(np.uint16) * 257
    colour, grey = tmp_path / f"colour.{extension}", tmp_path / f"grey.{extension}"
    assert cv2.imwrite(str(colour), deep[..., ::-1])
    assert cv2.imwrite(str(grey), deep[..., 1])
    assert np.array_equal(read_photo(colour).pixels, pixels)
    assert np.array_equal(read_photo(grey).pixels[..., 0], pixels[..., 1])


def test_of_several_frames_the_first_is_taken(portrait: Image.Image, save: Save, pixels: Pixels) -> None:
    black = Image.new("RGB", portrait.size)
    for name in ("moving.png", "moving.tif", "moving.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        path = save(portrait, name, save_all=True, append_images=[black], **options)
        assert np.array_equal(read_photo(path).pixels, pixels)


def test_damaged_exif_data_does_not_cost_the_picture(
    portrait: Image.Image, save: Save, pixels: Pixels
) -> None:
    path = save(portrait, "odd.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff not a directory")
    assert np.array_equal(read_photo(path).pixels, pixels)
