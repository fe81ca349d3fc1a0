"""The head sways a little, as one; the background does not."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_worker.arrays import Floats, Picture, floats
from lipsync_worker.compositor import Compositor
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.pose import Param, rest
from lipsync_worker.sway import HeadMotion, Sway
from lipsync_worker.warp import doubled
from shared_schema.stages import LipsyncParams


def far_from_face(frame: FaceFrame, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels (h, w) more than one and a half face widths from the nose."""
    rows, columns = np.indices(shape[:2])
    return np.asarray(np.hypot(columns - frame.points[1, 0], rows - frame.points[1, 1]) > 1.9 * frame.unit)


def talking(jaw: float = 0.7) -> Floats:
    row: Floats = rest(1)[0]
    row[Param.JAW] = jaw
    return row


def test_without_sway_all_but_mouth_and_eyes_is_the_photo_bit_for_bit(
    frame: FaceFrame, photo: Picture
) -> None:
    compositor = Compositor(frame, photo, LipsyncParams(sway=False, blink=False), seed=1)
    for number in range(30):
        picture = compositor.frame(talking(), number)
    changed = np.abs(picture.astype(int) - photo).max(2) > 0
    places = frame.flat(floats(np.argwhere(changed)[:, ::-1]))
    assert changed.any()
    assert np.abs(places[:, 0]).max() < 0.6
    assert places[:, 1].min() > -0.35


def test_with_sway_the_background_is_the_photo_bit_for_bit(frame: FaceFrame, photo: Picture) -> None:
    compositor = Compositor(frame, photo, LipsyncParams(), seed=1)
    far = far_from_face(frame, photo.shape)
    for number in range(0, 250, 50):
        assert np.array_equal(compositor.frame(talking(), number)[far], photo[far])


def test_the_head_moves_but_never_far(frame: FaceFrame) -> None:
    motion = HeadMotion(frame, 3)
    nose = np.append(frame.points[1, :2], 1)
    path = np.array([motion.at(number / 25, 0.0) @ nose for number in range(1500)]) - nose[:2]
    reach = np.abs(path).max(0) / frame.unit
    assert reach.max() < 0.03
    assert path.std(0).max() / frame.unit > 0.002
    assert np.abs(np.diff(path, axis=0)).max() / frame.unit < 0.003


def test_a_stressed_word_nods(frame: FaceFrame) -> None:
    motion = HeadMotion(frame, 3)
    nose = np.append(frame.points[1, :2], 1)
    assert ((motion.at(1.0, 1.0) - motion.at(1.0, 0.0)) @ nose)[1] > 0


def test_face_moves_as_one_and_the_border_not_at_all(frame: FaceFrame, photo: Picture) -> None:
    sway = Sway(frame, doubled(photo))
    assert (sway.weight(frame.points[[1, 13, 33, 152, 263, 10], :2]) == 1).all()
    assert (sway.weight(floats([[0, 100], [511, 100], [200, 0]])) == 0).all()


def test_a_still_head_is_the_photo(frame: FaceFrame, photo: Picture) -> None:
    sway = Sway(frame, doubled(photo))
    canvas = np.zeros_like(photo)
    canvas[:] = photo
    sway.paint(canvas, floats([[1, 0, 0], [0, 1, 0]]))
    assert np.array_equal(canvas, photo)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_every_seed_works(frame: FaceFrame, seed: int) -> None:
    assert np.isfinite(HeadMotion(frame, seed).at(1.0, 0.5)).all()
