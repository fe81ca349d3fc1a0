"""From any of Pillow's modes to 8-bit sRGB, the one form in which the rest of the worker sees a picture.

16 bits -> 8 bits -> palette resolved -> scaled down -> alpha apart -> colour profile to sRGB -> backdrop
"""

from __future__ import annotations

import io
import logging
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from shared_schema.errors import PhotoError

__all__ = ["BACKDROP", "to_rgb", "to_scalable"]

log = logging.getLogger(__name__)

BACKDROP: Final = (200, 200, 200)
"""What shows through where a picture is transparent: the light grey of a photographer's paper roll."""

_SIXTEEN_BITS: Final = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_WITH_ALPHA: Final = ("LA", "La", "PA", "RGBA", "RGBa")


def to_scalable(image: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel and without a palette, so that its pixels may be averaged.

    Raises PhotoError for floating-point pixels and for integers of more than 16 bits: what is white in
    them is not said in the file.
    """
    if image.mode in _SIXTEEN_BITS:
        return _high_bytes(image)
    if image.mode == "F":
        raise PhotoError("The picture has floating-point pixels.", "Save it as a JPEG or PNG.")
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L") if image.mode == "1" else image


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture from `to_scalable` as opaque 8-bit sRGB."""
    profile: bytes | None = image.info.get("icc_profile")
    alpha = None
    if image.mode in _WITH_ALPHA:
        straight = image.convert("RGBA" if image.mode.startswith("RGB") else "LA")
        alpha = straight.getchannel("A")
        image = straight.convert(straight.mode.removesuffix("A"))
    rgb = _to_srgb(image, profile) if profile else image.convert("RGB")
    if alpha is None:
        return rgb
    backdrop = Image.new("RGB", rgb.size, BACKDROP)
    backdrop.paste(rgb, mask=alpha)
    return backdrop


def _high_bytes(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey. Pillow's own `convert` clips at 255 instead of scaling."""
    values = np.asarray(image)
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > 0xFFFF):
        raise PhotoError("The picture has 32 bits a pixel.", "Save it as a JPEG or PNG.")
    scaled = Image.fromarray((values >> 8).astype(np.uint8))
    scaled.info["icc_profile"] = image.info.get("icc_profile")
    return scaled


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Through the embedded profile; a profile that cannot be used is logged and, as in viewers, ignored."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        log.warning("The picture's colour profile cannot be used (%s): its colours are taken as sRGB.", error)
        return image.convert("RGB")
    assert converted is not None  # noqa: S101 - None is returned for inPlace only
    return converted
