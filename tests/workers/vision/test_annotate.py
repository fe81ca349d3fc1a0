"""The annotated picture: contours and boxes in colours, numbers, and the sentences below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_schema.stages import Verdict
from tests.workers.vision import spoiled
from vision_worker.annotate import COLOURS, MAX_SIDE, annotated, save_annotated
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.fitness import look
from vision_worker.images import Pixels

GREEN, AMBER, RED = COLOURS[Verdict.GOOD], COLOURS[Verdict.POOR], COLOURS[Verdict.BAD]


def count(picture: Image.Image, colour: tuple[int, int, int], box: tuple[float, float, float, float]) -> int:
    """How many pixels within a box have this colour."""
    left, top, right, bottom = map(round, box)
    return int((np.asarray(picture.crop((left, top, right, bottom))) == colour).all(axis=2).sum())


def drawn(finder: FaceFinder, pixels: Pixels, number: int | None = None) -> Image.Image:
    faces = finder.find(pixels)
    return annotated(pixels, faces, look(pixels, faces, number))


def test_the_parts_are_drawn_in_the_colours_of_their_verdicts(
    finder: FaceFinder, pixels: Pixels, sample_face: Face
) -> None:
    """The sample smiles, so lips and box are amber; its eyes are open, so they are green."""
    picture = drawn(finder, pixels)
    points = sample_face.points
    (x, y), (left, top) = points[[61, 291, 0, 17], :2].min(axis=0), points[[33, 263, 159], :2].min(axis=0)
    (x2, y2), (right, bottom) = (
        points[[61, 291, 0, 17], :2].max(axis=0),
        points[[33, 263, 145], :2].max(axis=0),
    )
    assert count(picture, AMBER, (x, y, x2, y2)) > 40
    assert count(picture, GREEN, (x, y, x2, y2)) == 0
    assert count(picture, GREEN, (left, top, right, bottom)) > 20
    assert count(picture, AMBER, (left, top, right, bottom)) == 0
    assert count(picture, RED, (0, 0, 512, 512)) == count(Image.fromarray(pixels), RED, (0, 0, 512, 512))


def test_the_oval_is_green_where_only_the_mouth_is_blamed(finder: FaceFinder, portrait: Image.Image) -> None:
    pixels = np.asarray(portrait.crop((130, 30, 330, 230)).resize((900, 900), Image.Resampling.BICUBIC))
    (face,) = finder.find(pixels)
    picture = drawn(finder, pixels)
    left, _, right, bottom = face.box
    (x, y), (x2, y2) = (
        face.points[[61, 291, 0, 17], :2].min(axis=0),
        face.points[[61, 291, 0, 17], :2].max(axis=0),
    )
    assert count(picture, AMBER, (x, y, x2, y2)) > 200
    assert count(picture, GREEN, (left + 4, y2 + 4, right - 4, bottom - 4)) > 200
    assert count(picture, AMBER, (left + 4, y2 + 4, right - 4, bottom - 4)) == 0


def test_a_covered_mouth_is_red_and_so_is_the_box(
    finder: FaceFinder, pixels: Pixels, sample_face: Face
) -> None:
    covered = spoiled.masked(pixels, sample_face, np.array([150.0, 190, 215]))
    picture = drawn(finder, covered)
    left, _, right, bottom = sample_face.box
    assert count(picture, RED, (left, bottom - 60, right, bottom)) > 60
    assert count(picture, RED, (0, 512, picture.width, picture.height)) > 20, "the word bad"


def test_there_is_a_line_for_each_finding(finder: FaceFinder, pixels: Pixels) -> None:
    """Each begins with its verdict, in the colour of it; what is longer than the panel goes on below."""
    faces = finder.find(pixels)
    fitness = look(pixels, faces, None)
    picture = annotated(pixels, faces, fitness)
    panel = np.asarray(picture.crop((0, 512, 70, picture.height))).astype(int)
    begun = {
        verdict: sum(
            bool((np.abs(panel[row : row + 24] - colour).sum(axis=2) < 30).any())
            for row in range(14 + 24, panel.shape[0] - 14, 24)
        )
        for verdict, colour in COLOURS.items()
    }
    expected = [finding.verdict for finding in fitness.findings]
    assert begun == {verdict: expected.count(verdict) for verdict in COLOURS}


def test_several_faces_are_numbered_and_the_chosen_one_stands_out(
    finder: FaceFinder, crowd: Image.Image
) -> None:
    pixels = np.asarray(crowd)
    left, right = finder.find(pixels)
    undecided, second = drawn(finder, pixels), drawn(finder, pixels, 2)
    for face in (left, right):
        corner = (face.box[0] - 2, face.box[1] - 2, face.box[0] + 34, face.box[1] + 46)
        assert count(undecided, RED, corner) > 300, "the number's plate"
        assert count(undecided, (255, 255, 255), corner) > 30, "the number"
    assert count(second, AMBER, left.box) == 0
    assert count(second, AMBER, right.box) > 300


def test_one_face_has_no_number(finder: FaceFinder, pixels: Pixels, sample_face: Face) -> None:
    left, top, *_ = sample_face.box
    assert count(drawn(finder, pixels), AMBER, (left - 2, top - 2, left + 34, top + 46)) < 300


def test_without_a_face_the_picture_and_the_words_remain(finder: FaceFinder) -> None:
    landscape = spoiled.landscape()
    picture = drawn(finder, landscape)
    assert np.array_equal(np.asarray(picture)[:400, :600], landscape)
    assert count(picture, RED, (0, 400, 60, picture.height)) > 20


@pytest.mark.parametrize("size", [(3000, 1800), (1100, 2600)])
def test_a_large_picture_is_drawn_smaller_with_the_box_in_its_place(
    finder: FaceFinder, portrait: Image.Image, size: tuple[int, int]
) -> None:
    canvas = Image.new("RGB", size, (170, 180, 190))
    canvas.paste(portrait.resize((1024, 1024)), (40, 500))
    pixels = np.asarray(canvas)
    (face,) = finder.find(pixels)
    picture = drawn(finder, pixels)
    scale = MAX_SIDE / max(size)
    shift = max(0, picture.width - round(size[0] * scale)) // 2
    left, top, right, bottom = (side * scale for side in face.box)
    assert picture.width == max(512, round(size[0] * scale))
    frame = (left + shift - 2, top - 2, right + shift + 3, bottom + 3)
    whole = (0, 0, picture.width, round(size[1] * scale))
    assert count(picture, AMBER, frame) == count(picture, AMBER, whole) > 100


def test_the_file_holds_pixels_and_nothing_else(
    finder: FaceFinder, pixels: Pixels, sample_face: Face, tmp_path: Path
) -> None:
    path = tmp_path / "annotated.png"
    save_annotated(pixels, [sample_face], look(pixels, [sample_face], None), path)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.info, dict(image.getexif())) == ("PNG", "RGB", {}, {})


def test_words_stay_within_a_narrow_picture_s_panel(finder: FaceFinder, portrait: Image.Image) -> None:
    narrow = np.asarray(portrait.crop((130, 30, 330, 330)))
    picture = drawn(finder, narrow)
    assert picture.width == 512
    edge = np.asarray(picture.crop((502, 300, 512, picture.height)))
    assert (edge == 250).all()
