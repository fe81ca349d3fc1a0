"""Both of MediaPipe's interfaces find the same faces, each with real models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_schema.errors import EngineUnavailable, WeightsError
from shared_schema.weights import RECORD_NAME
from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.native_log import start_up_chatter_to_log
from vision_worker.networks import Networks, load_mediapipe, start_networks
from vision_worker.networks.legacy import LegacyNetworks
from vision_worker.networks.tasks import TaskNetworks, model_file

AGREEMENT = 0.01
"""Share of the face's width that a point may lie elsewhere by the other interface; measured: 0.006. The
networks are the same, the windows that they come to be shown are not.
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "face_landmarker.task"
    script = Path(__file__).with_name("landmarker_bundle.py")
    subprocess.run([sys.executable, script, path], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module", params=["legacy", "tasks"])
def networks(request: pytest.FixtureRequest, bundle: Path) -> Iterator[Networks]:
    with start_up_chatter_to_log():
        made: Networks = LegacyNetworks() if request.param == "legacy" else TaskNetworks(bundle)
    yield made
    made.close()


@pytest.fixture(scope="module")
def own_finder(networks: Networks) -> FaceFinder:
    return FaceFinder(networks)


def on_canvas(portrait: Image.Image, side: int, place: tuple[int, int], size: tuple[int, int]) -> Pixels:
    canvas = Image.new("RGB", size, (170, 180, 190))
    canvas.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), place)
    return np.asarray(canvas)


def away(one: Face, other: Face) -> float:
    """The farthest that a point lies elsewhere, in face widths."""
    return float(np.linalg.norm((one.points - other.points)[:, :2], axis=1).max() / other.width)


def test_the_portraits_points_agree(own_finder: FaceFinder, pixels: Pixels, sample_face: Face) -> None:
    (face,) = own_finder.find(pixels)
    assert away(face, sample_face) < AGREEMENT
    assert face.yaw == pytest.approx(sample_face.yaw, abs=0.5)
    assert face.quality == pytest.approx(sample_face.quality, abs=0.2)


def test_two_people_are_two_faces_and_agree(
    own_finder: FaceFinder, finder: FaceFinder, crowd: Image.Image
) -> None:
    faces, expected = own_finder.find(np.asarray(crowd)), finder.find(np.asarray(crowd))
    assert len(faces) == len(expected) == 2
    assert max(map(away, faces, expected)) < AGREEMENT


def test_a_face_of_40_pixels_in_a_large_picture_agrees(
    own_finder: FaceFinder, finder: FaceFinder, portrait: Image.Image
) -> None:
    picture = on_canvas(portrait, 223, (610, 10), (1500, 1100))
    faces, expected = own_finder.find(picture), finder.find(picture)
    assert len(faces) == len(expected) == 1
    assert away(faces[0], expected[0]) < AGREEMENT


def test_there_is_none_in_a_blank_picture(own_finder: FaceFinder) -> None:
    assert own_finder.find(np.full((700, 500, 3), 128, np.uint8)) == []


def test_boxes_and_meshes_are_in_sides_of_the_picture(networks: Networks, portrait: Image.Image) -> None:
    """The same at any resolution."""
    for side in (256, 512):
        picture = np.asarray(portrait.resize((side, side)))
        (near,) = networks.near(picture)
        (mesh,) = networks.meshes(picture)
        for middle in (near.left + near.width / 2, mesh[:, 0].mean()):
            assert middle == pytest.approx(0.44, abs=0.02)
        assert mesh.shape == (478, 3)


def test_the_far_sighted_look_sees_what_the_near_sighted_misses(
    networks: Networks, portrait: Image.Image
) -> None:
    picture = on_canvas(portrait, 160, (40, 200), (384, 384))
    small = on_canvas(portrait, 130, (40, 200), (384, 384))  # its face is a sixteenth of the picture
    assert networks.near(small) == []
    for shown, width in ((picture, 28.7), (small, 23.3)):
        middle = (40 + 0.44 * width / 91.7 * 512) / 384
        assert any(box.left < middle < box.left + box.width for box in networks.far(shown))


def test_the_wheels_own_models_are_taken_where_there_are_any() -> None:
    with start_up_chatter_to_log():
        networks = start_networks()
    assert isinstance(networks, LegacyNetworks)
    networks.close()


def test_a_wheel_without_models_wants_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path
) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    monkeypatch.delattr(load_mediapipe(), "solutions")  # as from 0.10.30 on
    with pytest.raises(EngineUnavailable, match=r"face_landmarker\.task is not on this machine") as caught:
        start_networks()
    assert "a model face-landmarker" in caught.value.hint
    folder = tmp_path / "models/face-landmarker"
    folder.mkdir(parents=True)
    (folder / RECORD_NAME).write_text("{}")
    with pytest.raises(EngineUnavailable):
        model_file()
    (folder / "face_landmarker.task").write_bytes(bundle.read_bytes())
    with start_up_chatter_to_log():
        networks = start_networks()
    assert isinstance(networks, TaskNetworks)
    networks.close()


@pytest.mark.parametrize("content", [b"", b"no zip", "cut"])
def test_a_damaged_file_is_refused(tmp_path: Path, bundle: Path, content: bytes | str) -> None:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(content if isinstance(content, bytes) else bundle.read_bytes()[:300_000])
    with pytest.raises(WeightsError, match=r"face_landmarker\.task is damaged"):
        TaskNetworks(path)
