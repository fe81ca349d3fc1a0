"""The portrait engines: a photo, or nothing, becomes `portrait.png` and the `face.json` that fits it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared_schema.errors import Cancelled, FaceError, InputError, PhotoError
from shared_schema.records import FaceMesh, read_face
from shared_schema.stages import Aspect, FaceParams, PortraitOutcome, PortraitParams
from vision_worker.engines.photo import PhotoEngine
from vision_worker.engines.sample import SampleEngine
from vision_worker.faces import FaceFinder
from vision_worker.samples import PORTRAIT

Save = Callable[..., Path]
RunEngine = Callable[..., Any]


@pytest.fixture(scope="module")
def photo() -> Iterator[PhotoEngine]:
    engine = PhotoEngine()
    engine.load()
    yield engine
    engine.unload()


def mesh_error(mesh: FaceMesh, portrait: Path, finder: FaceFinder) -> float:
    """Mean distance between the landmarks written and those measured in the portrait anew, in face widths."""
    with Image.open(portrait) as image:
        assert (image.width, image.height, image.mode) == (mesh.width, mesh.height, "RGB")
        found = finder.find(np.asarray(image))
    points = np.array(mesh.points)
    assert (points[:, :2] >= 0).all()
    assert (points[:, :2] <= (mesh.width - 1, mesh.height - 1)).all()
    away = [np.linalg.norm((face.points - points)[:, :2], axis=1).mean() / face.width for face in found]
    return float(min(away))


@pytest.mark.parametrize("aspect", Aspect)
@pytest.mark.parametrize("size", [None, 320, 720])
def test_the_landmarks_fit_the_portrait_in_every_shape_and_size(
    photo: PhotoEngine, run_engine: RunEngine, finder: FaceFinder, aspect: Aspect, size: int | None
) -> None:
    run = run_engine(photo, PortraitParams(size=size, aspect=aspect), photo=PORTRAIT)
    assert set(run.files) == {"portrait", "face"}
    mesh = read_face(run.files["face"])
    assert isinstance(run.outcome, PortraitOutcome)
    assert (mesh.width, mesh.height) == (run.outcome.width, run.outcome.height)
    assert mesh.width % 2 == mesh.height % 2 == 0
    assert size is None or min(mesh.width, mesh.height) == size
    assert mesh_error(mesh, run.files["portrait"], finder) < 0.015


def test_the_whole_photo_is_kept_pixel_for_pixel_where_nothing_else_was_asked(
    photo: PhotoEngine, run_engine: RunEngine, portrait: Image.Image
) -> None:
    run = run_engine(photo, PortraitParams(), photo=PORTRAIT)
    with Image.open(run.files["portrait"]) as written:
        assert np.array_equal(np.asarray(written), np.asarray(portrait))
    outcome = run.outcome
    assert (outcome.width, outcome.height, outcome.source) == (512, 512, "your photo, 512 x 512")


def test_a_photo_is_scored_and_what_would_better_it_is_said_but_not_of_the_sample(
    photo: PhotoEngine, run_engine: RunEngine
) -> None:
    users = run_engine(photo, PortraitParams(), photo=PORTRAIT).outcome
    assert 20 < users.score < 100
    assert any("mouth is open" in words for words in users.advice)
    sample = SampleEngine()
    ours = run_engine(sample, PortraitParams()).outcome
    sample.unload()
    assert (ours.score, ours.advice) == (users.score, [])


def test_the_same_photo_gives_the_same_files(photo: PhotoEngine, run_engine: RunEngine) -> None:
    one, other = (run_engine(photo, PortraitParams(aspect=Aspect.WIDE), photo=PORTRAIT) for _ in range(2))
    for name in ("portrait", "face"):
        assert one.files[name].read_bytes() == other.files[name].read_bytes()


def test_of_two_people_the_chosen_one_is_framed(
    photo: PhotoEngine, run_engine: RunEngine, finder: FaceFinder, crowd: Image.Image, save: Save
) -> None:
    path = save(crowd, "two.png")
    whole = [run_engine(photo, PortraitParams(face=number), photo=path) for number in (1, 2)]
    noses = [read_face(run.files["face"]).points[1][0] for run in whole]
    assert noses[0] < 512 < noses[1]
    squares = [PortraitParams(size=400, aspect=Aspect.SQUARE, face=number) for number in (1, 2)]
    cut = [run_engine(photo, params, photo=path) for params in squares]
    pictures = []
    for run in cut:
        assert mesh_error(read_face(run.files["face"]), run.files["portrait"], finder) < 0.015
        with Image.open(run.files["portrait"]) as image:
            pictures.append(np.asarray(image).astype(int))
    mirrored, unlike = (np.abs(pictures[0] - other).mean() for other in (pictures[1][:, ::-1], pictures[1]))
    assert mirrored < unlike / 2


def test_two_people_without_a_choice_are_refused_and_nothing_is_written(
    photo: PhotoEngine, run_engine: RunEngine, crowd: Image.Image, save: Save, tmp_path: Path
) -> None:
    path = save(crowd, "two.png")
    with pytest.raises(FaceError, match="There are 2 faces") as caught:
        run_engine(photo, PortraitParams(), photo=path)
    assert "--face" in caught.value.hint
    with pytest.raises(FaceError, match="There is no face 3: the picture has 2 faces"):
        run_engine(photo, PortraitParams(face=3), photo=path)
    assert not list(tmp_path.glob("job-*/portrait.png")) + list(tmp_path.glob("job-*/face.json"))


def test_a_picture_without_a_face_is_refused(photo: PhotoEngine, run_engine: RunEngine, save: Save) -> None:
    with pytest.raises(FaceError, match="No face was found"):
        run_engine(photo, PortraitParams(), photo=save(Image.new("RGB", (600, 400), "teal"), "none.png"))


def test_a_face_of_40_pixels_is_refused_and_one_of_90_is_cropped_to(
    photo: PhotoEngine, run_engine: RunEngine, portrait: Image.Image, save: Save
) -> None:
    for width, side in ((40, 223), (90, 502)):
        canvas = Image.new("RGB", (3000, 2250), (170, 180, 190))
        canvas.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), (2400, 30))
        path = save(canvas, f"far-{width}.png")
        if width == 40:
            with pytest.raises(FaceError, match=r"is 4\d pixels wide; at least 64"):
                run_engine(photo, PortraitParams(aspect=Aspect.SQUARE), photo=path)
        else:
            run = run_engine(photo, PortraitParams(aspect=Aspect.SQUARE), photo=path)
            points = np.array(read_face(run.files["face"]).points)
            assert np.linalg.norm(points[454] - points[234]) > 0.2 * run.outcome.width


def test_a_face_that_would_be_too_small_in_the_video_is_refused_with_the_remedy(
    photo: PhotoEngine, run_engine: RunEngine, portrait: Image.Image, save: Save
) -> None:
    canvas = Image.new("RGB", (3000, 2250), (170, 180, 190))
    canvas.paste(portrait, (100, 100))
    path = save(canvas, "landscape.png")
    with pytest.raises(FaceError, match=r"video of 170 x 128 pixels the face would be 5 pixels") as caught:
        run_engine(photo, PortraitParams(size=128), photo=path)
    assert "--aspect 1:1" in caught.value.hint
    run_engine(photo, PortraitParams(size=128, aspect=Aspect.SQUARE), photo=path)


def test_a_face_cut_by_the_edge_is_refused(
    photo: PhotoEngine, run_engine: RunEngine, portrait: Image.Image, save: Save
) -> None:
    path = save(portrait.crop((206, 0, 512, 512)), "half.png")
    with pytest.raises(FaceError, match="cut off at the left edge"):
        run_engine(photo, PortraitParams(), photo=path)


def test_a_file_that_is_not_a_picture_is_refused(
    photo: PhotoEngine, run_engine: RunEngine, tmp_path: Path
) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(PhotoError, match="is not a picture"):
        run_engine(photo, PortraitParams(), photo=tmp_path / "notes.jpg")


def test_without_a_photo_the_photo_engine_says_what_it_needs(
    photo: PhotoEngine, run_engine: RunEngine
) -> None:
    assert photo.needs == ("photo",)
    with pytest.raises(InputError, match="needs a photo"):
        run_engine(photo, PortraitParams())


def test_parameters_of_another_stage_are_refused(photo: PhotoEngine, run_engine: RunEngine) -> None:
    with pytest.raises(InputError, match="portrait parameters"):
        run_engine(photo, FaceParams(), photo=PORTRAIT)


def test_progress_names_what_is_being_done(photo: PhotoEngine, run_engine: RunEngine) -> None:
    run = run_engine(photo, PortraitParams(), photo=PORTRAIT)
    assert list(dict.fromkeys(phase for phase, _, _ in run.progress)) == [
        "reading",
        "finding the face",
        "framing",
    ]


def test_a_cancelled_task_stops(photo: PhotoEngine, run_engine: RunEngine) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        run_engine(photo, PortraitParams(), cancelled=cancelled, photo=PORTRAIT)


def test_the_sample_needs_nothing(run_engine: RunEngine, finder: FaceFinder) -> None:
    engine = SampleEngine()
    assert engine.needs == ()
    run = run_engine(engine, PortraitParams(aspect=Aspect.TALL, size=256))
    assert (run.outcome.width, run.outcome.height) == (256, 456)
    assert "NASA" in run.outcome.source
    assert mesh_error(read_face(run.files["face"]), run.files["portrait"], finder) < 0.015
    engine.unload()


def test_an_unloaded_engine_loads_again(run_engine: RunEngine) -> None:
    engine = SampleEngine()
    engine.load()
    engine.unload()
    engine.unload()
    assert run_engine(engine, PortraitParams()).files
    engine.unload()
