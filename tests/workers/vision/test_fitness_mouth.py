"""A covered mouth is found out; a free one is never called covered, whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from shared_schema.errors import FaceError
from shared_schema.stages import Verdict
from tests.workers.vision import spoiled
from vision_worker.choice import require_animatable
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.fitness import look
from vision_worker.images import Pixels
from vision_worker.marks import Mark
from vision_worker.mouth import Evidence, opening

Person = tuple[Pixels, Face]
Spoil = Callable[[Pixels, Face], Pixels]


@pytest.fixture(scope="module", params=["Collins", "Hopper"])
def person(finder: FaceFinder, request: pytest.FixtureRequest) -> Person:
    """Two people: one smiles and shows her teeth, the other's lips are closed."""
    from PIL import Image

    from vision_worker.samples import PORTRAIT

    if request.param == "Hopper":
        pixels = spoiled.hopper()
    else:
        with Image.open(PORTRAIT) as image:
            pixels = np.asarray(image.convert("RGB"))
    (face,) = finder.find(pixels)
    return pixels, face


def mouth(finder: FaceFinder, pixels: Pixels) -> Mark:
    """The mark of the mouth, as measured from the pixels alone."""
    (face,) = finder.find(pixels)
    return next(mark for mark in look(pixels, [face], None).marks if mark.check == "mouth")


def covered(mark: Mark) -> bool:
    return "cover" in mark.message


COVERS: dict[str, Spoil] = {
    "blue mask": lambda pixels, face: spoiled.masked(pixels, face, np.array([150.0, 190, 215])),
    "white mask": lambda pixels, face: spoiled.masked(pixels, face, np.array([232.0, 232, 232])),
    "black mask": lambda pixels, face: spoiled.masked(pixels, face, np.array([30.0, 30, 32])),
    "mask like skin": lambda pixels, face: spoiled.masked(pixels, face, spoiled.skin(pixels, face)),
    "fist": spoiled.fist_before,
    "fist, grey": lambda pixels, face: spoiled.grey(spoiled.fist_before(pixels, face)),
    "fist, dark": lambda pixels, face: spoiled.lit(spoiled.fist_before(pixels, face), 0.5),
}

FREE: dict[str, Spoil] = {
    "as it is": lambda pixels, _face: pixels,
    "black beard": lambda pixels, face: spoiled.bearded(pixels, face, np.array([45.0, 35, 30])),
    "white beard": lambda pixels, face: spoiled.bearded(pixels, face, np.array([205.0, 200, 195])),
    "ginger beard": lambda pixels, face: spoiled.bearded(pixels, face, np.array([150.0, 85, 45])),
    "beard, grey": lambda pixels, face: spoiled.grey(spoiled.bearded(pixels, face, np.array([60.0, 60, 60]))),
    "open": lambda pixels, face: spoiled.mouth_opened(pixels, face, 0.12),
    "wide open": lambda pixels, face: spoiled.mouth_opened(pixels, face, 0.2),
    "grey": lambda pixels, _face: spoiled.grey(pixels),
    "soft": lambda pixels, face: spoiled.blurred(pixels, face, 0.02),
    "dark skin": lambda pixels, _face: (pixels * np.array([0.42, 0.34, 0.30])).astype(np.uint8),
    "brown skin": lambda pixels, _face: (pixels * np.array([0.7, 0.58, 0.5])).astype(np.uint8),
    "pale": lambda pixels, _face: (pixels * 0.45 + 140).astype(np.uint8),
    "cold light": lambda pixels, _face: np.clip(pixels * np.array([0.8, 0.95, 1.15]), 0, 255).astype(
        np.uint8
    ),
    "small": lambda pixels, face: spoiled.scaled(pixels, 70 / face.width),
    "from the side": lambda pixels, face: spoiled.lit_from_the_right(pixels, face, 0.8),
    "turned": lambda pixels, face: spoiled.turned(pixels, face, 20),
    "turned away": lambda pixels, face: spoiled.turned(pixels, face, -20),
    "noisy": lambda pixels, _face: np.clip(
        pixels + np.random.default_rng(2).normal(0, 20, pixels.shape), 0, 255
    ).astype(np.uint8),
    "JPEG": lambda pixels, _face: np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR),
        np.uint8,
    ),
}


@pytest.mark.parametrize("cover", COVERS)
def test_a_covered_mouth_is_bad(finder: FaceFinder, person: Person, cover: str) -> None:
    mark = mouth(finder, COVERS[cover](*person))
    assert mark.verdict is Verdict.BAD
    assert covered(mark)
    assert "shows the whole mouth" in mark.remedy


@pytest.mark.parametrize("look_of_it", FREE)
def test_a_free_mouth_is_not_called_covered(finder: FaceFinder, person: Person, look_of_it: str) -> None:
    mark = mouth(finder, FREE[look_of_it](*person))
    assert mark.verdict is not Verdict.BAD, mark.message


@pytest.mark.parametrize("look_of_it", ["as it is", "black beard", "grey", "soft", "dark skin", "pale"])
def test_of_a_plain_free_mouth_not_even_a_doubt_is_raised(
    finder: FaceFinder, person: Person, look_of_it: str
) -> None:
    assert not covered(mouth(finder, FREE[look_of_it](*person)))


def test_one_sign_is_a_doubt_and_not_a_refusal() -> None:
    clear = Evidence(steadiness=0.8, change=0.6, seam=0.3, hue=8.0)
    assert clear.signs == []
    for doubt in ({"steadiness": 0.3}, {"change": 0.1}, {"seam": 0.01}, {"hue": 40.0}):
        evidence = clear._replace(**doubt)
        assert len(evidence.signs) == 1
        assert not evidence.covered


def test_lips_that_stand_out_need_three_signs_to_be_doubted_away() -> None:
    lips = Evidence(steadiness=0.3, change=0.6, seam=0.3, hue=40.0)
    assert not lips.covered
    assert lips._replace(seam=0.01).covered
    assert lips._replace(change=0.1).covered


def test_the_wider_it_is_open_the_less_it_scores(finder: FaceFinder, person: Person) -> None:
    pixels, face = person
    marks = [mouth(finder, spoiled.mouth_opened(pixels, face, gap)) for gap in (0.02, 0.07, 0.13, 0.2)]
    shortfalls = [mark.shortfall for mark in marks]
    assert shortfalls == sorted(shortfalls)
    assert len(set(shortfalls)) == len(shortfalls)
    assert "open" in marks[-2].message


def test_the_gap_between_the_lips_is_measured_in_widths_of_the_face(person: Person) -> None:
    pixels, face = person
    assert opening(face.moved(3.0, 5, 5).points) == pytest.approx(opening(face.points))
    assert opening(face.points) == pytest.approx(0.08 if pixels.shape[0] == 512 else 0.0, abs=0.01)


def test_a_covered_mouth_is_the_only_reason_why_it_is_unfit(finder: FaceFinder, person: Person) -> None:
    """The face itself could be animated, so the older rules let it pass."""
    pixels = COVERS["blue mask"](*person)
    (face,) = finder.find(pixels)
    require_animatable(face, pixels.shape[1], pixels.shape[0])
    refusal = look(pixels, [face], None).refusal
    assert isinstance(refusal, FaceError)
    assert "The mouth is covered" in refusal.message
