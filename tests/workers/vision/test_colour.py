"""Colours come out as the picture's own profile means them. The profiles are made here, byte by byte."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision_worker.images import read_photo

Save = Callable[..., Path]

WHITE = (0.9642, 1.0, 0.8249)  # D50, as every ICC profile's connection space has it


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile (ICC.1:2001-04, clause 6)."""
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(*WHITE), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"test", 0x02200000, kind, space, connection, b"acsp")
    head += bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in WHITE))
    return head + bytes(128 - len(head)) + table + body


@pytest.fixture
def red_green_swapped() -> bytes:
    """The primaries of sRGB (adapted to D50) with the red and the green one exchanged, gamma 2.2."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    tags = {
        b"gXYZ": _xyz(0.4361, 0.2225, 0.0139),
        b"rXYZ": _xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": _xyz(0.1431, 0.0606, 0.7141),
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


@pytest.fixture
def press() -> bytes:
    """A CMYK press whose cyan ink is pure red: a table of two steps an ink, Lab beyond (lut8Type)."""
    identity = bytes(range(256))
    grid = b""
    for index in range(16):
        cyan, others = index >> 3 & 1, index & 7
        grid += bytes((0 if others else 138 if cyan else 255, 208 if cyan and not others else 128, 128))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table += identity * 4 + grid + identity * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"A2B1": table})


def test_an_embedded_profile_is_honoured(save: Save, red_green_swapped: bytes) -> None:
    red = Image.new("RGB", (64, 64), (250, 5, 5))
    read = read_photo(save(red, "swapped.png", icc_profile=red_green_swapped)).pixels
    assert read[0, 0, 0] < 60
    assert read[0, 0, 1] > 200


def test_the_profile_holds_for_a_transparent_picture_too(save: Save, red_green_swapped: bytes) -> None:
    red = Image.new("RGBA", (64, 64), (250, 5, 5, 255))
    read = read_photo(save(red, "swapped.png", icc_profile=red_green_swapped)).pixels
    assert read[0, 0, 0] < 60
    assert read[0, 0, 1] > 200


def test_grey_with_a_colour_profile_stays_grey(save: Save, red_green_swapped: bytes) -> None:
    read = read_photo(save(Image.new("L", (64, 64), 128), "grey.png", icc_profile=red_green_swapped)).pixels
    assert np.ptp(read[0, 0].astype(int)) <= 3
    assert abs(int(read[0, 0, 0]) - 128) < 12


def test_cmyk_goes_through_its_profile(save: Save, press: bytes) -> None:
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    with_profile = read_photo(save(cyan, "with.tif", icc_profile=press)).pixels
    without = read_photo(save(cyan, "without.tif")).pixels
    assert with_profile[0, 0, 0] > 180 > with_profile[0, 0, 2]
    assert tuple(without[0, 0]) == (0, 255, 255)


def test_cmyk_jpeg_is_not_inverted(portrait: Image.Image, save: Save) -> None:
    read = read_photo(save(portrait.convert("CMYK"), "press.jpg", quality=95)).pixels
    assert np.abs(read.astype(int) - np.asarray(portrait)).mean() < 5


def test_a_broken_profile_is_logged_and_ignored(save: Save, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read = read_photo(
            save(Image.new("RGB", (64, 64), (9, 8, 7)), "x.tif", icc_profile=b"nonsense")
        ).pixels
    assert tuple(read[0, 0]) == (9, 8, 7)
    assert "colour profile cannot be used" in caplog.text
