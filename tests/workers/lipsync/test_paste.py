"""Pasting gives the bits of the original, touches what it says, and works a mask out once."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture, picture
from lipsync_worker.bicubic import resized
from lipsync_worker.face_box import Box, musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.paste import Paster, crop_box, cut
from shared_schema.stages import Mask

NOWHERE = np.zeros((478, 3), np.float32)  # a parser needs no landmarks


class Rectangle:
    """Stands for a face-parsing network, whose weights no machine of ours has: it finds a rectangle."""

    def __init__(self) -> None:
        self.seen: list[Picture] = []

    def __call__(self, crop: Picture) -> Picture:
        self.seen.append(crop)
        found = np.zeros((512, 512), np.uint8)
        found[100:460, 120:400] = 255
        return found


def slope() -> Picture:
    """The picture of the golden numbers, 400 x 300."""
    y, x, channel = np.mgrid[:300, :400, :3]
    return np.asarray((2 * y + x + 60 * channel) % 256, np.uint8)


def plain(box: Box) -> Picture:
    return np.full((box.height, box.width, 3), (10, 120, 240), np.uint8)


@pytest.mark.parametrize(
    ("box", "crop", "crc", "total"),
    [
        (Box(150, 80, 250, 200), (110, 50, 290, 230), 0x1C4A9F49, 46328882),
        (Box(5, 5, 90, 110), (-31, -21, 125, 135), 0x55938B61, 46190751),
        (Box(300, 190, 395, 298), (266, 163, 428, 325), 0xB461A914, 45801650),
    ],
)
def test_pasting_gives_the_bits_of_the_original_code(
    box: Box, crop: tuple[int, int, int, int], crc: int, total: int
) -> None:
    pixels = slope()
    Paster(Mask.V1, compat=True, parser=Rectangle()).paste(pixels, NOWHERE, box, plain(box))
    assert crop_box(box) == crop
    assert int(pixels.sum()) == total
    assert zlib.crc32(pixels.tobytes()) == crc


@pytest.mark.parametrize(("side", "crc"), [(180, 0xCFE83168), (700, 0xFFE105AD)])
def test_masks_are_resized_to_the_bit_as_pillow_does(side: int, crc: int) -> None:
    y, x = np.mgrid[:512, :512]  # the sums are of what Pillow 13.0.0 made
    assert zlib.crc32(resized(np.asarray((3 * y + 7 * x) % 256, np.uint8), side).tobytes()) == crc


def test_a_picture_pasted_onto_itself_stays_as_it_is(frame: FaceFrame, photo: Picture) -> None:
    box = musetalk_box(frame.points, (512, 512), "v1.5")
    for kind in Mask:
        pixels = photo.copy()
        Paster(kind).paste(pixels, frame.points, box, box.of(photo).copy())
        assert np.array_equal(pixels, photo)


@pytest.mark.parametrize("kind", list(Mask))
def test_what_is_touched_is_what_is_said(frame: FaceFrame, photo: Picture, kind: Mask) -> None:
    box = musetalk_box(frame.points, (512, 512), "v1.5")
    pixels = photo.copy()
    touched = Paster(kind).paste(pixels, frame.points, box, picture(255 - box.of(photo)))
    changed = np.argwhere((pixels != photo).any(2))
    (top, left), (bottom, right) = changed.min(0), changed.max(0) + 1
    inside = (touched.left <= left, touched.top <= top, touched.right >= right, touched.bottom >= bottom)
    assert all(inside)
    assert bottom - top >= 0.9 * touched.height
    middle = np.round(frame.points[13, :2]).astype(int)
    assert np.array_equal(pixels[middle[1], middle[0]], 255 - photo[middle[1], middle[0]])


@pytest.mark.parametrize("move", [(-190, 0), (250, 0), (0, -100), (0, 340), (250, 340)])
def test_a_face_at_the_border_is_pasted_as_far_as_it_is_in_the_picture(
    frame: FaceFrame, photo: Picture, move: tuple[int, int]
) -> None:
    points = frame.points[:, :2] + np.array(move, np.float32)
    box = musetalk_box(points, (512, 512), "v1.5")
    for kind in Mask:
        pixels = photo.copy()
        touched = Paster(kind).paste(pixels, points, box, plain(box))
        assert touched.overlap(Box(0, 0, 512, 512)) == touched
        assert (pixels != photo).any()


def test_a_box_outside_of_the_picture_touches_nothing(photo: Picture) -> None:
    box = Box(600, 600, 700, 720)
    pixels = photo.copy()
    touched = Paster(Mask.V1, parser=Rectangle()).paste(pixels, NOWHERE, box, plain(box))
    assert touched.width <= 0 or touched.height <= 0
    assert np.array_equal(pixels, photo)


def test_a_mask_is_kept_while_box_and_landmarks_are_the_same(photo: Picture) -> None:
    box, parser = Box(150, 80, 250, 200), Rectangle()
    paster = Paster(Mask.V1, parser=parser)
    points = NOWHERE.copy()
    for moved in (points, points.copy(), points):
        paster.paste(photo.copy(), moved, box, plain(box))
    assert len(parser.seen) == 1
    points += 1  # the caller's own array, changed in place
    paster.paste(photo.copy(), points, box, plain(box))
    assert len(parser.seen) == 2
    paster.paste(photo.copy(), points, Box(151, 80, 251, 200), plain(box))
    assert len(parser.seen) == 3
    paster.paste(photo[:400].copy(), points, Box(151, 80, 251, 200), plain(box))
    assert len(parser.seen) == 4


def test_the_mask_of_a_moved_face_moves_along(frame: FaceFrame, photo: Picture) -> None:
    def pasted(paster: Paster, points: Floats) -> Picture:
        box = musetalk_box(points, (512, 512), "v1.5")
        pixels = photo.copy()
        paster.paste(pixels, points, box, plain(box))
        return pixels

    used, moved = Paster(Mask.LANDMARKS), frame.points + np.array([9, 4, 0], np.float32)
    pasted(used, frame.points)
    assert np.array_equal(pasted(used, moved), pasted(Paster(Mask.LANDMARKS), moved))


def test_a_face_of_another_size_is_brought_to_the_box(frame: FaceFrame, photo: Picture) -> None:
    box = musetalk_box(frame.points, (512, 512), "v1.5")
    small = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    sized = picture(cv2.resize(small, (box.width, box.height)))
    results = []
    for face in (small, sized):
        pixels = photo.copy()
        Paster(Mask.V1).paste(pixels, frame.points, box, face)
        results.append(pixels)
    assert np.array_equal(results[0], results[1])


def test_compat_blurs_the_landmarks_mask_no_wider_than_the_original(frame: FaceFrame, photo: Picture) -> None:
    box = musetalk_box(frame.points, (512, 512), "v1.5")
    widths = []
    for compat in (False, True):
        pixels = np.zeros_like(photo)
        Paster(Mask.LANDMARKS, compat=compat).paste(pixels, frame.points, box, np.full_like(plain(box), 255))
        row = pixels[round(float(frame.points[14, 1])), :, 0]
        widths.append(np.count_nonzero((row > 0) & (row < 255)))
    assert widths[1] < widths[0]


def test_a_crop_is_black_where_it_leaves_the_picture() -> None:
    crop = cut(slope(), Box(-31, -21, 125, 135))
    assert crop.shape == (156, 156, 3)
    assert not crop[:21].any()
    assert not crop[:, :31].any()
    assert np.array_equal(crop[21:, 31:], slope()[:135, :125])


def test_a_parser_is_shown_the_crop(photo: Picture) -> None:
    box, parser = Box(150, 80, 250, 200), Rectangle()
    Paster(Mask.V1, parser=parser).paste(photo.copy(), NOWHERE, box, plain(box))
    assert np.array_equal(parser.seen[0], photo[50:230, 110:290])
