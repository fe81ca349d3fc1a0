"""The face engine: any picture to landmarks in the picture's own upright pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared_schema.errors import FaceError, InputError
from shared_schema.records import read_face
from shared_schema.stages import FaceOutcome, FaceParams, PortraitParams, Verdict
from tests.workers.vision import spoiled
from vision_worker.engines.mediapipe import MediaPipeEngine
from vision_worker.engines.photo import PhotoEngine
from vision_worker.face import Face
from vision_worker.images import WORKING_PIXELS
from vision_worker.samples import PORTRAIT

Save = Callable[..., Path]
RunEngine = Callable[..., Any]


@pytest.fixture(scope="module")
def engine() -> Iterator[MediaPipeEngine]:
    networks = MediaPipeEngine()
    networks.load()
    yield networks
    networks.unload()


def test_the_outcome_tells_of_the_face_and_the_file_holds_it(
    engine: MediaPipeEngine, run_engine: RunEngine, sample_face: Face
) -> None:
    run = run_engine(engine, FaceParams(), portrait=PORTRAIT)
    outcome, mesh = run.outcome, read_face(run.files["face"])
    assert set(run.files) == {"face"}
    assert isinstance(outcome, FaceOutcome)
    assert outcome.faces == 1
    assert outcome.box == pytest.approx(sample_face.box)
    assert outcome.yaw == mesh.yaw == pytest.approx(sample_face.yaw, abs=0.01)
    assert (outcome.pitch, outcome.roll) == pytest.approx(sample_face.pose[1:], abs=0.01)
    assert 60 < outcome.score < 85
    assert [finding.check for finding in outcome.findings][:2] == ["faces", "size"]
    assert (mesh.width, mesh.height) == (512, 512)
    assert np.abs(np.array(mesh.points) - sample_face.points).max() < 0.01


def test_a_photo_on_its_side_is_measured_upright(
    engine: MediaPipeEngine, run_engine: RunEngine, portrait: Image.Image, save: Save, sample_face: Face
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(portrait.transpose(Image.Transpose.ROTATE_90), "side.png", exif=exif)
    run = run_engine(engine, FaceParams(), portrait=path)
    assert run.outcome.box == pytest.approx(sample_face.box)


def test_a_picture_too_large_to_keep_whole_is_measured_in_its_own_pixels(
    engine: MediaPipeEngine, run_engine: RunEngine, portrait: Image.Image, save: Save, sample_face: Face
) -> None:
    canvas = Image.new("RGB", (8000, 6000), (170, 180, 190))
    canvas.paste(portrait.resize((4096, 4096)), (3000, 1000))
    assert canvas.width * canvas.height > WORKING_PIXELS
    run = run_engine(engine, FaceParams(), portrait=save(canvas, "large.jpg", quality=90))
    mesh = read_face(run.files["face"])
    assert (mesh.width, mesh.height) == (8000, 6000)
    there = Face(np.array(mesh.points)).moved(1 / 8, 3000, 1000)
    away = np.linalg.norm((there.points - sample_face.points)[:, :2], axis=1)
    assert away.mean() < 0.01 * sample_face.width


def test_one_of_several_is_measured_by_number(
    engine: MediaPipeEngine, run_engine: RunEngine, crowd: Image.Image, save: Save
) -> None:
    path = save(crowd, "two.webp", lossless=True)
    with pytest.raises(FaceError, match="There are 2 faces"):
        run_engine(engine, FaceParams(), portrait=path)
    left, right = (run_engine(engine, FaceParams(face=n), portrait=path).outcome for n in (1, 2))
    assert left.faces == right.faces == 2
    assert left.box[0] == pytest.approx(1024 - right.box[2], abs=3)
    assert left.yaw == pytest.approx(-right.yaw, abs=4)  # the network is no mirror either


def test_parameters_of_another_stage_are_refused(engine: MediaPipeEngine, run_engine: RunEngine) -> None:
    with pytest.raises(InputError, match="face parameters"):
        run_engine(engine, PortraitParams(), portrait=PORTRAIT)


def test_a_check_draws_what_was_found(engine: MediaPipeEngine, run_engine: RunEngine) -> None:
    run = run_engine(engine, FaceParams(check=True), portrait=PORTRAIT)
    assert set(run.files) == {"face", "annotated"}
    assert run.outcome == run_engine(engine, FaceParams(), portrait=PORTRAIT).outcome
    with Image.open(run.files["annotated"]) as image:
        assert image.width >= 512
        assert image.height > 512


def test_with_check_an_unfit_picture_is_an_outcome_and_without_an_error(
    engine: MediaPipeEngine, run_engine: RunEngine, crowd: Image.Image, save: Save
) -> None:
    for picture, faces in ((crowd, 2), (Image.fromarray(spoiled.landscape()), 0)):
        path = save(picture, f"{faces}.png")
        run = run_engine(engine, FaceParams(check=True), portrait=path)
        assert set(run.files) == {"annotated"}
        assert (run.outcome.box, run.outcome.faces, run.outcome.score) == ((0, 0, 0, 0), faces, 0)
        (finding,) = run.outcome.findings
        assert finding.verdict is Verdict.BAD
        with pytest.raises(FaceError) as caught:
            run_engine(engine, FaceParams(), portrait=path)
        assert str(caught.value) == finding.words


def test_an_unfit_face_is_measured_all_the_same(
    engine: MediaPipeEngine, run_engine: RunEngine, portrait: Image.Image, save: Save, sample_face: Face
) -> None:
    covered = spoiled.masked(np.asarray(portrait), sample_face, np.array([150.0, 190, 215]))
    path = save(Image.fromarray(covered), "mask.png")
    run = run_engine(engine, FaceParams(check=True), portrait=path)
    assert set(run.files) == {"face", "annotated"}
    assert run.outcome.score < 20
    assert [finding.check for finding in run.outcome.findings if finding.verdict is Verdict.BAD] == ["mouth"]
    assert run.outcome.box == pytest.approx(sample_face.box, abs=8)


def test_the_portrait_engine_refuses_a_covered_mouth(
    run_engine: RunEngine, portrait: Image.Image, save: Save, sample_face: Face
) -> None:
    covered = spoiled.masked(np.asarray(portrait), sample_face, np.array([150.0, 190, 215]))
    engine = PhotoEngine()
    with pytest.raises(FaceError, match="The mouth is covered"):
        run_engine(engine, PortraitParams(), photo=save(Image.fromarray(covered), "mask.png"))
    engine.unload()
