"""A picture that cannot be lip-synced is told from one that can, in words, and by a score."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from shared_schema.errors import FaceError
from shared_schema.stages import Verdict
from tests.workers.vision import spoiled
from vision_worker.choice import MAX_YAW, choose, require_animatable
from vision_worker.eyes import openness
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.fitness import Fitness, look
from vision_worker.images import Pixels
from vision_worker.light import light
from vision_worker.marks import Mark
from vision_worker.patch import patch_of
from vision_worker.sharpness import sharpness

CHECKS = ["faces", "size", "edge", "yaw", "pitch", "roll", "mouth", "eyes", "sharpness", "light"]
Spoil = Callable[[Pixels, Face], Pixels]


@pytest.fixture(scope="module")
def hopper() -> Pixels:
    return spoiled.hopper()


@pytest.fixture(scope="module")
def face(finder: FaceFinder, hopper: Pixels) -> Face:
    (found,) = finder.find(hopper)
    return found


def seen(finder: FaceFinder, pixels: Pixels) -> Fitness:
    return look(pixels, finder.find(pixels), None)


def verdicts(fitness: Fitness) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in fitness.findings}


def blemishes(fitness: Fitness) -> dict[str, Verdict]:
    return {check: verdict for check, verdict in verdicts(fitness).items() if verdict is not Verdict.GOOD}


def rotated(face: Face, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Face:
    """The mesh turned about its middle by Rz(roll) Ry(yaw) Rx(-pitch), in degrees."""
    a, b, c = np.radians((roll, yaw, -pitch))
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    centre = face.points.mean(axis=0)
    return Face((face.points - centre) @ (about_z @ about_y @ about_x).T + centre, face.quality)


def falls(values: Sequence[float]) -> bool:
    return all(later < earlier for earlier, later in itertools.pairwise(values))


def test_a_good_photo_is_good_in_all_it_is_looked_at_for(finder: FaceFinder, hopper: Pixels) -> None:
    fitness = seen(finder, hopper)
    assert [finding.check for finding in fitness.findings] == CHECKS
    assert blemishes(fitness) == {}
    assert fitness.fit
    assert 88 < fitness.score <= 100
    assert fitness.advice == fitness.faults(strict=True) == []
    assert "The face is 187 pixels wide." in [finding.words for finding in fitness.findings]


def test_the_sample_is_small_and_smiles_but_fit(finder: FaceFinder, pixels: Pixels) -> None:
    fitness = seen(finder, pixels)
    assert fitness.fit
    assert blemishes(fitness) == {"size": Verdict.POOR, "mouth": Verdict.POOR}
    assert fitness.faults() == []
    (fault,) = fitness.faults(strict=True)
    assert "mouth is open" in fault
    assert len(fitness.advice) == 2
    assert 60 < fitness.score < 85


SPOILT: dict[str, tuple[Spoil, str, Verdict]] = {
    "turned": (lambda pixels, face: spoiled.turned(pixels, face, 40), "yaw", Verdict.BAD),
    "a little turned": (lambda pixels, face: spoiled.turned(pixels, face, 30), "yaw", Verdict.POOR),
    "blurred": (lambda pixels, face: spoiled.blurred(pixels, face, 0.045), "sharpness", Verdict.BAD),
    "soft": (lambda pixels, face: spoiled.blurred(pixels, face, 0.02), "sharpness", Verdict.POOR),
    "eyes closed": (spoiled.eyes_closed, "eyes", Verdict.POOR),
    "mouth open": (lambda pixels, face: spoiled.mouth_opened(pixels, face, 0.12), "mouth", Verdict.POOR),
    "dark": (lambda pixels, _face: spoiled.lit(pixels, 0.2), "light", Verdict.POOR),
    "bleached": (lambda pixels, _face: spoiled.lit(pixels, 1.7), "light", Verdict.POOR),
    "one-sided": (lambda pixels, face: spoiled.lit_from_the_right(pixels, face, 0.6), "light", Verdict.POOR),
    "small": (lambda pixels, face: spoiled.scaled(pixels, 100 / face.width), "size", Verdict.POOR),
    "cut off": (lambda pixels, face: pixels[:, round(face.centre[0]) - 70 :], "edge", Verdict.BAD),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoiled_photo_is_found_out(finder: FaceFinder, hopper: Pixels, face: Face, how: str) -> None:
    spoil, check, verdict = SPOILT[how]
    fitness = seen(finder, spoil(hopper, face))
    assert verdicts(fitness)[check] is verdict
    assert fitness.fit is (verdict is not Verdict.BAD)
    assert (fitness.score < 20) is (verdict is Verdict.BAD)
    words = next(finding.words for finding in fitness.findings if finding.check == check)
    assert ". " in words, "what is wrong, then what to do"


def test_nothing_but_what_was_spoiled_is_blamed(finder: FaceFinder, hopper: Pixels, face: Face) -> None:
    for spoil, check in (
        (spoiled.eyes_closed, "eyes"),
        (lambda pixels, face: spoiled.blurred(pixels, face, 0.02), "sharpness"),
        (lambda pixels, _face: spoiled.lit(pixels, 0.2), "light"),
        (lambda pixels, face: spoiled.scaled(pixels, 100 / face.width), "size"),
    ):
        assert set(blemishes(seen(finder, spoil(hopper, face)))) == {check}


def test_a_picture_without_a_face(finder: FaceFinder) -> None:
    fitness = seen(finder, spoiled.landscape())
    assert (fitness.fit, fitness.score, fitness.face) == (False, 0.0, None)
    assert fitness.faults() == ["No face was found in the picture."]
    assert verdicts(fitness) == {"faces": Verdict.BAD}


def test_of_two_faces_one_must_be_named(finder: FaceFinder, hopper: Pixels) -> None:
    two = np.concatenate([hopper, hopper[:, ::-1]], axis=1)
    faces = finder.find(two)
    fitness = look(two, faces, None)
    assert (fitness.score, fitness.face) == (0.0, None)
    assert "`--face N`" in fitness.findings[0].words
    right = look(two, faces, 2)
    assert right.fit
    assert right.face is faces[1]
    assert right.findings[0].words == "There are 2 faces."


def test_a_tiny_face_is_blamed_for_its_size(finder: FaceFinder, hopper: Pixels, face: Face) -> None:
    far = np.full((500, 600, 3), 180, np.uint8)
    small = spoiled.scaled(hopper, 34 / face.width)
    far[100 : 100 + small.shape[0], 200 : 200 + small.shape[1]] = small
    fitness = seen(finder, far)
    assert verdicts(fitness) == {"size": Verdict.BAD}
    assert (fitness.score, fitness.face) == (0.0, None)
    assert "pixels wide; at least 64" in fitness.findings[0].words


def test_the_more_it_is_blurred_the_less_it_scores(finder: FaceFinder, hopper: Pixels, face: Face) -> None:
    blurs = [spoiled.blurred(hopper, face, share) for share in (0, 0.01, 0.015, 0.02, 0.03, 0.045)]
    faces = [finder.find(blur)[0] for blur in blurs]
    assert falls([sharpness(patch_of(blur, one)) for blur, one in zip(blurs, faces, strict=True)])
    assert falls([look(blur, [face], None).score for blur in blurs[1:]])


def test_sharpness_is_the_same_at_any_size_and_contrast(hopper: Pixels, face: Face) -> None:
    soft = spoiled.blurred(hopper, face, 0.015)
    value = sharpness(patch_of(soft, face))
    for factor in (0.5, 2.0):
        other = sharpness(patch_of(spoiled.scaled(soft, factor), face.moved(factor, 0, 0)))
        assert other == pytest.approx(value, rel=0.12)
    faint = (soft * 0.4 + 100).astype(np.uint8)
    assert sharpness(patch_of(faint, face)) == pytest.approx(value, rel=0.12)


def mark_of(hopper: Pixels, face: Face, check: str) -> Mark:
    return next(mark for mark in look(hopper, [face], None).marks if mark.check == check)


@pytest.mark.parametrize("axis", ["pitch", "roll"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_more_it_is_tilted_the_less_it_scores(hopper: Pixels, face: Face, axis: str, sign: int) -> None:
    marks = [mark_of(hopper, rotated(face, **{axis: sign * angle}), axis) for angle in (26, 30, 35, 40)]
    assert falls([-mark.shortfall for mark in marks])
    assert {mark.verdict for mark in marks[1:]} <= {Verdict.POOR}


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_more_it_is_turned_the_less_it_scores(hopper: Pixels, face: Face, sign: int) -> None:
    marks = [mark_of(hopper, rotated(face, yaw=sign * angle), "yaw") for angle in (8, 13, 19, 22, 35)]
    assert falls([-mark.shortfall for mark in marks])
    assert [mark.verdict for mark in marks[2:]] == [Verdict.POOR, Verdict.POOR, Verdict.BAD]


def test_the_darker_the_whiter_the_more_uneven_the_less_it_scores(hopper: Pixels, face: Face) -> None:
    for spoils in (
        [spoiled.lit(hopper, strength) for strength in (0.6, 0.4, 0.3, 0.2, 0.15)],
        [spoiled.lit(hopper, strength) for strength in (1.3, 1.5, 1.7, 1.9)],
        [spoiled.lit_from_the_right(hopper, face, slope) for slope in (0.2, 0.4, 0.6, 0.8)],
        [spoiled.lit_from_the_right(hopper, face, -slope) for slope in (0.2, 0.4, 0.6, 0.8)],
    ):
        marks = [look(pixels, [face], None).marks[-1] for pixels in spoils]
        assert falls([-mark.shortfall for mark in marks])
        assert marks[-1].verdict is Verdict.POOR


def test_the_side_that_the_light_comes_from_is_named(hopper: Pixels, face: Face) -> None:
    right, left = (spoiled.lit_from_the_right(hopper, face, slope) for slope in (0.6, -0.6))
    assert light(patch_of(right, face)).slope > 25
    assert "picture's right" in look(right, [face], None).findings[-1].words
    assert "picture's left" in look(left, [face], None).findings[-1].words


def test_dark_skin_in_good_light_is_not_called_dark(hopper: Pixels, face: Face) -> None:
    """A third of the light comes back from the skin; highlights and the whites of the eyes stay."""
    bright = (hopper.min(axis=2) > 150)[..., None]
    dark = np.where(bright, hopper, hopper * np.array([0.45, 0.36, 0.32])).astype(np.uint8)
    assert look(dark, [face], None).findings[-1].verdict is Verdict.GOOD


def test_half_of_the_light_is_enough_and_a_third_is_not(hopper: Pixels, face: Face) -> None:
    half, third = (look(spoiled.lit(hopper, share), [face], None).findings[-1] for share in (0.5, 0.3))
    assert (half.verdict, third.verdict) == (Verdict.GOOD, Verdict.POOR)


def test_the_smaller_it_is_the_less_it_scores(hopper: Pixels, face: Face) -> None:
    factors = [width / face.width for width in (240, 180, 120, 90, 66)]
    sizes = [look(spoiled.scaled(hopper, by), [face.moved(by, 0, 0)], None).marks[1] for by in factors]
    assert falls([-mark.shortfall for mark in sizes])


def test_the_more_the_eyes_are_closed_the_less_they_are_open(
    finder: FaceFinder, pixels: Pixels, sample_face: Face, hopper: Pixels, face: Face
) -> None:
    for picture, one in ((pixels, sample_face), (hopper, face)):
        (closed,) = finder.find(spoiled.eyes_closed(picture, one))
        assert openness(closed.points) < 0.15
        assert openness(one.points) > 0.22


def test_a_wink_counts_as_closed(face: Face) -> None:
    points = face.points.copy()
    for upper, lower in ((160, 144), (159, 145), (158, 153)):
        points[upper] = points[lower]
    assert openness(points) == pytest.approx(0, abs=0.01)


def test_what_is_bad_is_what_the_portrait_engines_refuse(
    finder: FaceFinder, hopper: Pixels, face: Face
) -> None:
    """In the same words, and a face just within the limit is refused by neither."""
    height, width = hopper.shape[:2]
    for angle in (-32, -18, 0, 18, 32):
        one = rotated(face, yaw=angle)
        refusal = look(hopper, [one], None).refusal
        if abs(one.yaw) > MAX_YAW:
            with pytest.raises(FaceError) as caught:
                require_animatable(one, width, height)
            assert refusal is not None
            assert (refusal.message, refusal.hint) == (caught.value.message, caught.value.hint)
        else:
            require_animatable(one, width, height)
            assert refusal is None
    for faces, number in (([], None), ([face, face.moved(1.0, -200, 0)], None), ([face], 3)):
        with pytest.raises(FaceError) as caught:
            choose(faces, number)
        refusal = look(hopper, faces, number).refusal
        assert refusal is not None
        assert str(refusal) == str(caught.value)


def test_any_fit_picture_scores_more_than_any_unfit_one(
    finder: FaceFinder, pixels: Pixels, sample_face: Face, hopper: Pixels, face: Face
) -> None:
    worst = spoiled.lit(spoiled.blurred(spoiled.eyes_closed(pixels, sample_face), sample_face, 0.025), 0.2)
    best = spoiled.masked(hopper, face, np.array([150.0, 190, 215]))
    fit, unfit = seen(finder, worst), seen(finder, best)
    assert (fit.fit, unfit.fit) == (True, False)
    assert unfit.score < 20 < fit.score


def test_a_face_far_beyond_the_edge_is_measured_without_harm(hopper: Pixels, face: Face) -> None:
    gone = face.moved(1.0, 3000, 3000)
    fitness = look(hopper, [gone], None)
    assert verdicts(fitness)["edge"] is Verdict.BAD
    assert fitness.score < 20
