"""Faces are found where there are any, whatever their size, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from shared_schema.mesh import POINT_COUNT
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels

FACE_WIDTH = 91.7  # of the sample portrait's face, in its own pixels


def on_canvas(portrait: Image.Image, width: float, place: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """The portrait so small that its face is `width` pixels wide, somewhere on a large plain canvas."""
    side = round(512 * width / FACE_WIDTH)
    canvas = Image.new("RGB", size, (170, 180, 190))
    canvas.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), place)
    return np.asarray(canvas)


def test_the_mesh_is_a_face(sample_face: Face) -> None:
    points = sample_face.points
    assert points.shape == (POINT_COUNT, 3)
    assert (points[:, :2] > 0).all()
    assert (points[:, :2] < 512).all()
    forehead, eyes, nose, mouth, chin = (points[index, 1] for index in (10, 33, 1, 13, 152))
    assert forehead < eyes < nose < mouth < chin
    right_eye, left_eye, right_iris, left_iris = (points[index, 0] for index in (33, 263, 468, 473))
    assert right_eye < right_iris < left_iris < left_eye
    assert points[1, 2] < points[234, 2]
    assert sample_face.width == pytest.approx(FACE_WIDTH, abs=2)


def test_the_mesh_follows_the_picture(finder: FaceFinder, portrait: Image.Image, sample_face: Face) -> None:
    """Measured in another place, size and neighbourhood, the points are the same within 1 % of the face."""
    pixels = on_canvas(portrait, 200, (350, 90), (1700, 1300))
    (face,) = finder.find(pixels)
    scale = 512 / round(512 * 200 / FACE_WIDTH)
    moved = face.moved(scale, 350, 90)
    away = np.linalg.norm((moved.points - sample_face.points)[:, :2], axis=1)
    assert away.mean() < 0.01 * sample_face.width


@pytest.mark.parametrize("width", [30, 40, 64, 90, 400])
def test_a_small_face_in_a_large_picture_is_found(
    finder: FaceFinder, portrait: Image.Image, width: int
) -> None:
    (face,) = finder.find(on_canvas(portrait, width, (610, 10), (3000, 2250)))
    assert face.width == pytest.approx(width, rel=0.05)


def test_a_face_that_fills_the_picture_is_found(finder: FaceFinder, portrait: Image.Image) -> None:
    close = portrait.crop((170, 62, 280, 186)).resize((1100, 1240), Image.Resampling.LANCZOS)
    (face,) = finder.find(np.asarray(close))
    assert face.width == pytest.approx(10 * FACE_WIDTH, rel=0.08)


def test_faces_are_counted_from_the_left(finder: FaceFinder, crowd: Image.Image) -> None:
    left, right = finder.find(np.asarray(crowd))
    assert left.centre[0] < 512 < right.centre[0]
    assert left.centre[0] == pytest.approx(1024 - right.centre[0], abs=2)


def test_a_large_and_a_small_face_are_both_found(finder: FaceFinder, portrait: Image.Image) -> None:
    pixels = on_canvas(portrait, 300, (1300, 100), (3000, 2250)).copy()
    pixels[1500:2012, 100:612] = np.asarray(portrait)
    left, right = finder.find(pixels)
    assert left.width == pytest.approx(FACE_WIDTH, rel=0.05)
    assert right.width == pytest.approx(300, rel=0.05)


def test_there_is_no_face_in_blank_noise_or_text(finder: FaceFinder) -> None:
    blank = np.full((700, 500, 3), 128, np.uint8)
    noise = np.random.default_rng(7).integers(0, 256, (900, 900, 3), np.uint8)
    page = Image.new("RGB", (1200, 1600), "white")
    text = "\n".join("Sphinx of black quartz, judge my vow. 0123456789 (o_o) :-)" for _ in range(60))
    ImageDraw.Draw(page).multiline_text((40, 40), text, fill="black", font_size=24)
    for pixels in (blank, noise, np.asarray(page)):
        assert finder.find(pixels) == []


def test_a_picture_of_one_pixel_row_does_no_harm(finder: FaceFinder) -> None:
    assert finder.find(np.zeros((1, 300, 3), np.uint8)) == []


def test_progress_is_told_window_by_window(finder: FaceFinder) -> None:
    seen: list[tuple[int, int]] = []
    finder.find(np.zeros((1500, 1500, 3), np.uint8), lambda done, total: seen.append((done, total)))
    assert len(seen) > 10
    assert all(0 <= done < total for done, total in seen)


def test_stopping_in_between_leaves_the_networks_usable(finder: FaceFinder, pixels: Pixels) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finder.find(np.zeros((1500, 1500, 3), np.uint8), stop)
    assert len(finder.find(pixels)) == 1


def test_the_same_picture_gives_the_same_points(
    finder: FaceFinder, pixels: Pixels, sample_face: Face
) -> None:
    (again,) = finder.find(pixels)
    assert np.array_equal(again.points, sample_face.points)


def test_nothing_is_written_to_stderr() -> None:
    """Native chatter would stand in the worker's log as if something were wrong."""
    program = (
        "import numpy as np\n"
        "from vision_worker.faces import FaceFinder\n"
        "from vision_worker.images import read_photo\n"
        "from vision_worker.samples import PORTRAIT\n"
        "finder = FaceFinder()\n"
        "assert len(finder.find(read_photo(PORTRAIT).pixels)) == 1\n"
        "assert finder.find(np.zeros((600, 400, 3), np.uint8)) == []\n"
        "finder.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
