"""A picture that cannot be used is refused with the reason, before it costs memory."""

from __future__ import annotations

import os
import resource
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_schema import limits
from shared_schema.errors import PhotoError
from vision_worker.images import WORKING_PIXELS, read_photo

Save = Callable[..., Path]


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is missing"):
        read_photo(tmp_path / "none.jpg")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is a folder"):
        read_photo(tmp_path)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        read_photo(tmp_path / "pipe.jpg")


def test_an_unreadable_path(tmp_path: Path) -> None:
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    with pytest.raises(PhotoError, match=r"cannot be read: .*symbolic links"):
        read_photo(loop)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_without_permission(portrait: Image.Image, save: Save) -> None:
    path = save(portrait, "secret.png")
    path.chmod(0)
    with pytest.raises(PhotoError, match="cannot be read: Permission denied"):
        read_photo(path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match="is an empty file"):
        read_photo(tmp_path / "empty.jpg")


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "heic", "tif", "gif", "bmp", "jp2"])
def test_a_truncated_picture(portrait: Image.Image, save: Save, extension: str) -> None:
    path = save(portrait, f"photo.{extension}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(path)


def test_text_named_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("This is not a picture.\n" * 100)
    with pytest.raises(PhotoError, match="is not a picture") as caught:
        read_photo(tmp_path / "text.jpg")
    assert "JPEG, PNG, WebP, AVIF, HEIC" in caught.value.hint


def test_a_sound_file(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(32000))
    with pytest.raises(PhotoError, match="is not a picture"):
        read_photo(tmp_path / "sound.wav")


def test_a_format_that_runs_programs_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "photo.eps").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n"
    )
    with pytest.raises(PhotoError, match="is not a picture"):
        read_photo(tmp_path / "photo.eps")


def test_a_file_with_too_many_bytes_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(limits.MAX_PHOTO_BYTES + 1)
    with pytest.raises(PhotoError, match="at most 200 MiB"):
        read_photo(tmp_path / "huge.jpg")


@pytest.mark.parametrize("side", [14_500, 40_000, 2**31 - 1])
def test_a_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_that_claims(side, 14_500))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PhotoError, match="at most 200,000,000 are taken"):
        read_photo(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_tiny_picture(portrait: Image.Image, save: Save) -> None:
    with pytest.raises(PhotoError, match=r"63 x 200 pixels; each side needs at least 64"):
        read_photo(save(portrait.resize((63, 200)), "tiny.png"))


def test_floating_point_pixels(save: Save) -> None:
    with pytest.raises(PhotoError, match="floating-point"):
        read_photo(save(Image.new("F", (64, 64), 0.5), "float.tif"))


def test_integers_of_32_bits(save: Save) -> None:
    with pytest.raises(PhotoError, match="32 bits"):
        read_photo(save(Image.new("I", (64, 64), 1_000_000), "deep.tif"))


def test_a_very_large_picture_is_read_scaled_down(tmp_path: Path, portrait: Image.Image) -> None:
    large = Image.new("L", (20_000, 9_000), 90)
    large.paste(portrait.convert("L").resize((4096, 4096)), (12_000, 3_000))
    large.save(tmp_path / "large.jpg")
    del large
    photo = read_photo(tmp_path / "large.jpg")
    height, width = photo.pixels.shape[:2]
    assert (photo.width, photo.height) == (20_000, 9_000)
    assert 0.95 * WORKING_PIXELS < width * height <= WORKING_PIXELS
    assert photo.scale == pytest.approx(20_000 / width)
    left, top = round(12_000 / photo.scale), round(3_000 / photo.scale)
    side = round(4096 / photo.scale)
    small = Image.fromarray(photo.pixels[top : top + side, left : left + side]).convert("L")
    expected = np.asarray(portrait.convert("L"), float)
    assert np.abs(np.asarray(small.resize((512, 512)), float) - expected).mean() < 6
