"""What stands in `portrait.png` besides pixels: the text that an engine adds, and nothing of the photo's."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from shared_schema.engine import Context
from shared_schema.messages import Task
from shared_schema.stages import PortraitParams, Stage
from vision_worker.engines.photo import PhotoEngine
from vision_worker.face import Face
from vision_worker.images import Pixels
from vision_worker.portrait import Framed, write_portrait

RunEngine = Callable[..., Any]
SECRETS = (b"SecretCamera", b"SecretComment", b"SecretXmp", b"SecretPlace")


def chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk (PNG, third edition, 5.3)."""
    data, place = path.read_bytes(), 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + size]
        place += 12 + size


def telling_photo(portrait: Image.Image, path: Path) -> None:
    """A JPEG that says who took it and where, with a colour profile, XMP, and a comment."""
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 1.5), 27: b"SecretPlace"})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>"
    portrait.save(path, quality=95, exif=exif, icc_profile=profile, xmp=xmp, comment=b"SecretComment")


def test_nothing_that_a_photo_tells_reaches_the_portrait(
    run_engine: RunEngine, portrait: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "telling.jpg"
    telling_photo(portrait, path)
    told = path.read_bytes()
    assert all(secret in told for secret in SECRETS)
    assert b"ICC_PROFILE" in told
    engine = PhotoEngine()
    written = run_engine(engine, PortraitParams(), photo=path).files["portrait"]
    engine.unload()
    found = list(chunks(written))
    assert {kind for kind, _ in found} == {b"IHDR", b"IDAT", b"IEND"}
    unpacked = zlib.decompress(b"".join(data for kind, data in found if kind == b"IDAT"))
    assert not any(secret in written.read_bytes() + unpacked for secret in SECRETS)


def test_text_is_written_as_it_is_in_any_language(
    pixels: Pixels, sample_face: Face, context_in: Callable[[Path], Context], tmp_path: Path
) -> None:
    text = {
        "prompt": "a smiling café owner, 50 mm",
        "name": "東京の人 🙂",
        "seed": "7",
        "long": "word " * 4000,
    }
    write_portrait(Framed(pixels, sample_face), context_in(tmp_path), text=text)
    kinds = {data.split(b"\0")[0]: kind for kind, data in chunks(tmp_path / "portrait.png") if b"Xt" in kind}
    assert kinds == {b"prompt": b"tEXt", b"name": b"iTXt", b"seed": b"tEXt", b"long": b"tEXt"}
    with Image.open(tmp_path / "portrait.png") as image:
        assert isinstance(image, Image.Image)
        assert image.text == text  # type: ignore[attr-defined]
        assert image.tobytes() == pixels.tobytes()


def test_a_second_portrait_has_a_name_of_its_own(
    pixels: Pixels, sample_face: Face, context_in: Callable[[Path], Context], tmp_path: Path
) -> None:
    context = context_in(tmp_path)
    framed = Framed(pixels, sample_face)
    write_portrait(framed, context)
    write_portrait(framed, context, name="portrait-2", filename="portrait-2.png")
    assert [one.name for one in context.artifacts()] == ["portrait", "portrait-2"]
    assert (framed.width, framed.height) == (512, 512)


@pytest.fixture
def context_in() -> Callable[[Path], Context]:
    return lambda folder: Context(Task("t", 1, Stage.PORTRAIT, "photo", str(folder), {}, PortraitParams()))
