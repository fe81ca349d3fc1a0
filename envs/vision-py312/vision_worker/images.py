"""Any photo to upright sRGB pixels, or one clear sentence on why not.

    file checks -> header (kind, size) -> decode, reduced where the format can -> sRGB -> upright

Only formats that cameras, phones and editors write are tried: some of Pillow's others run programs.
"""

from __future__ import annotations

import logging
import math
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shared_schema import limits
from shared_schema.errors import PhotoError
from vision_worker.colour import to_rgb, to_scalable

__all__ = ["MIN_SIDE", "WORKING_PIXELS", "Photo", "Pixels", "read_photo"]

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
"""A picture, upright sRGB, shape (H, W, 3)."""

WORKING_PIXELS: Final = 36_000_000
"""Larger pictures are scaled down to this while they are read: more than any face or video needs."""

MIN_SIDE: Final = 64
"""Shortest side of a picture, in pixels: no face that can be animated fits into less."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM")
_REDUCIBLE: Final = ("JPEG", "MPO")  # MPO: a JPEG with more frames behind it, from phones
_READABLE: Final = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP and GIF pictures can be read."
_ORIENTATION_TAG: Final = 0x0112

# What undoes each value of the EXIF orientation (EXIF 2.32, 4.6.4.A); 1 is upright.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ON_ITS_SIDE: Final = tuple(_UPRIGHT[value] for value in (5, 6, 7, 8))

Image.init()
pillow_heif.register_heif_opener()
# Pillow's own guard would refuse at 179 million pixels and warn at 89; ours is `_check_size`, and beyond
# twice this value Pillow's steps in before a plug-in allocates anything.
Image.MAX_IMAGE_PIXELS = limits.MAX_PHOTO_PIXELS


@dataclass(frozen=True)
class Photo:
    """Upright pixels, and the width and height that the file itself has when upright."""

    pixels: Pixels
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of the file for one of `pixels`: 1.0 unless the picture was too large to keep whole."""
        return self.width / self.pixels.shape[1]


def read_photo(path: Path) -> Photo:
    """The first picture in the file. PhotoError where it is not one, is damaged, too large or too small."""
    _check_file(path)
    with _warnings_to_log(), _open(path) as image:
        _check_size(*image.size)
        width, height = image.size
        rgb = _decode(image)
        if image.format not in _REDUCIBLE:
            width, height = image.size  # TIFF turns itself upright while it is decoded
        transpose = _UPRIGHT.get(_orientation(image))
    if transpose is not None:
        rgb = rgb.transpose(transpose)
    if transpose in _ON_ITS_SIDE:
        width, height = height, width
    return Photo(np.asarray(rgb), width, height)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError("The picture is a folder.", "Name the picture's file.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("The picture is not a regular file.")
        path.open("rb").close()
    except FileNotFoundError as error:
        raise PhotoError("The picture is missing.", "Check the path.") from error
    except OSError as error:
        raise PhotoError(f"The picture cannot be read: {error.strerror}.") from error
    if status.st_size == 0:
        raise PhotoError("The picture is an empty file.")
    if status.st_size > limits.MAX_PHOTO_BYTES:
        raise PhotoError(
            f"The picture has {status.st_size / limits.MIB:,.0f} MiB;"
            f" at most {limits.MAX_PHOTO_BYTES // limits.MIB} MiB are taken."
        )


def _open(path: Path) -> Image.Image:
    """The picture, its header read and nothing else."""
    try:
        return Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN])
    except UnidentifiedImageError as error:
        raise PhotoError(f"{path.name} is not a picture, or it is damaged.", _READABLE) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(
            f"The picture has more than {2 * limits.MAX_PHOTO_PIXELS:,} pixels;"
            f" at most {limits.MAX_PHOTO_PIXELS:,} are taken."
        ) from error
    # Decoders raise what they like on damaged bytes: struct.error, SyntaxError, ValueError, OSError, ...
    except Exception as error:
        raise PhotoError(f"The picture is damaged: {error}.", "Save it anew from its source.") from error


def _check_size(width: int, height: int) -> None:
    if width * height > limits.MAX_PHOTO_PIXELS:
        raise PhotoError(
            f"The picture has {width} x {height} pixels; at most {limits.MAX_PHOTO_PIXELS:,} are taken.",
            "Scale it down first.",
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            f"The picture has {width} x {height} pixels; each side needs at least {MIN_SIDE}.",
            "Use a larger photo.",
        )


def _decode(image: Image.Image) -> Image.Image:
    """The first frame as sRGB, at most `WORKING_PIXELS` large."""
    share = min(1.0, math.sqrt(WORKING_PIXELS / (image.width * image.height)))
    longest = int(max(image.size) * share)
    try:
        if share < 1 and image.format in _REDUCIBLE:
            # Decodes at 1/2, 1/4 or 1/8 of the size, in as much less memory.
            image.draft(None, (int(image.width * share), int(image.height * share)))
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # see _open
        raise PhotoError(f"The picture is damaged: {error}.", "Save it anew from its source.") from error
    scalable = to_scalable(image)
    if share < 1:
        scalable.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return to_rgb(scalable)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, and where the plug-in has turned the picture."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception as error:  # noqa: BLE001 - damaged metadata must not cost the picture
        log.warning("The picture's EXIF data is damaged (%s): it is taken as upright.", error)
        return 1
    return value if isinstance(value, int) else 1


@contextmanager
def _warnings_to_log() -> Iterator[None]:
    """Pillow warns of oddities in a file (trailing bytes, odd tags): of interest in the log only."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        log.info("Reading the picture: %s", warning.message)
