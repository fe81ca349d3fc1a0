"""The sdxl engine's whole way: from prompt and photo to portraits that can be lip-synced, or a clear no.

Its nets let photos pass, softer the more noise is added; what they draw of noise alone holds no face.
"""

from __future__ import annotations

import gc
import json
import shutil
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_schema.errors import (
    Cancelled,
    EngineUnavailable,
    FaceError,
    InputError,
    PhotoError,
    TextError,
    WeightsError,
)
from shared_schema.messages import Task
from shared_schema.stages import Aspect, FaceParams, PortraitParams, Stage
from shared_schema.weights import RECORD_NAME
from tests.neural.vision.conftest import GLASS_SIDE, HOPPER, Portray, context
from tests.neural.vision.glass import glass_sizes
from tests.neural.vision.loras import make_lora
from tests.neural.vision.single_file import make_single_file
from vision_worker.engines.sdxl import SdxlEngine
from vision_worker.faces import FaceFinder
from vision_worker.samples import PORTRAIT


def test_a_portrait_comes_with_its_face(engine: SdxlEngine, portray: Portray) -> None:
    made = portray(engine, photo=HOPPER)
    assert (made.outcome.width, made.outcome.height) == (GLASS_SIDE, GLASS_SIDE)
    assert made.outcome.source == "drawn by sdxl-base, seed 0"
    assert made.outcome.score > 40
    (drawn,) = made.outcome.drawn
    assert (drawn.seed, drawn.faults) == (0, [])
    picture = made.picture()
    assert picture.size == (GLASS_SIDE, GLASS_SIDE)
    mesh = json.loads((made.folder / "face.json").read_text())
    (face,) = engine.finder.find(np.asarray(picture))
    assert np.abs(np.array(mesh["points"])[:, :2] - face.points[:, :2]).max() < 0.03 * face.width
    assert {path.name for path in made.folder.iterdir()} == {
        "input-prompt", "input-photo", "portrait.png", "face.json",
    }  # fmt: skip


def test_the_picture_says_how_it_was_made_and_nothing_of_the_photo(
    engine: SdxlEngine, portray: Portray, tmp_path: Path
) -> None:
    lora = make_glass_lora(tmp_path)
    made = portray(engine, "an admiral, née Murray", photo=HOPPER, loras=(lora,), lora_scales=[0.0], seed=11)
    text = made.text
    assert set(text) == {"parameters", "Software"}
    words, negative, settings = text["parameters"].split("\n")
    assert words.startswith("an admiral, née Murray, ")
    assert negative.startswith("Negative prompt: open mouth")
    assert "Seed: 11, " in settings
    assert "Denoising strength: 0.2" in settings
    assert "Model: sdxl-base" in settings
    assert not made.picture().getexif()


def make_glass_lora(folder: Path) -> Path:
    """A LoRA for the nets that photos pass through."""
    return make_lora(folder / "glass.safetensors", sizes=glass_sizes(GLASS_SIDE))


def test_several_come_best_first_with_a_contact_sheet(engine: SdxlEngine, portray: Portray) -> None:
    made = portray(engine, photo=HOPPER, count=3, tries=1, seed=4)
    assert sorted(drawn.seed for drawn in made.outcome.drawn) == [4, 5, 6]
    scores = [drawn.score for drawn in made.outcome.drawn]
    assert scores == sorted(scores, reverse=True)
    for suffix in ("", "-2", "-3"):
        assert made.picture(f"portrait{suffix}.png").size == (GLASS_SIDE, GLASS_SIDE)
        assert (made.folder / f"face{suffix}.json").is_file()
    assert made.picture("sheet.jpg").width > 2 * 256
    best = made.outcome.drawn[0].seed
    assert f"Seed: {best}," in made.text["parameters"]
    alone = portray(engine, photo=HOPPER, seed=best)
    assert np.array_equal(np.asarray(alone.picture()), np.asarray(made.picture()))


def test_where_no_seed_is_fit_the_reasons_are_the_result(engine: SdxlEngine, portray: Portray) -> None:
    phases: list[str] = []
    with pytest.raises(FaceError) as caught:
        portray(
            engine, photo=None, steps=4, tries=3, seed=20, on_progress=lambda phase, *_: phases.append(phase)
        )
    assert caught.value.message == (
        "None of 3 pictures is fit for lip-sync: seed 20: No face was found in the picture;"
        " seed 21: No face was found in the picture; seed 22: No face was found in the picture."
    )
    assert "--tries" in caught.value.hint
    assert [phase for phase in dict.fromkeys(phases) if phase.startswith("drawing")] == [
        "drawing seed 20", "drawing seed 21", "drawing seed 22",
    ]  # fmt: skip


def test_an_open_mouth_in_the_user_s_photo_is_advice(engine: SdxlEngine, portray: Portray) -> None:
    made = portray(engine, photo=PORTRAIT, strength=0.1)
    assert any("mouth" in words for words in made.outcome.advice)


def test_what_has_no_effect_is_said(engine: SdxlEngine, portray: Portray) -> None:
    made = portray(engine, "a very long prompt " * 20, photo=HOPPER, negative="hats", guidance=1.0)
    assert any("too long for SDXL" in words for words in made.outcome.advice)
    assert any("negative prompt has no effect" in words for words in made.outcome.advice)


@pytest.mark.parametrize(("aspect", "size"), [(Aspect.WIDE, (512, 288)), (Aspect.TALL, (288, 512))])
def test_other_shapes_are_drawn_as_such(
    engine: SdxlEngine, portray: Portray, aspect: Aspect, size: tuple[int, int]
) -> None:
    made = portray(engine, photo=HOPPER, aspect=aspect, size=288, strength=0.1, steps=10)
    assert made.picture().size == size


def test_the_background_can_be_replaced(engine: SdxlEngine, portray: Portray) -> None:
    made = portray(engine, photo=HOPPER, background="#00ff00", strength=0.1)
    left, right = (np.asarray(made.picture())[200, column] for column in (5, -5))
    assert np.abs(np.stack([left, right]).astype(int) - (0, 255, 0)).max() < 40


def test_a_photo_without_a_face_is_drawn_from_all_the_same(
    engine: SdxlEngine, portray: Portray, tmp_path: Path
) -> None:
    path = tmp_path / "wall.png"
    Image.new("RGB", (300, 500), (120, 90, 60)).save(path)
    with pytest.raises(
        FaceError, match="The picture that was drawn is not fit for lip-sync: seed 0: No face"
    ):
        portray(engine, photo=path, tries=1)


def test_it_stops_when_it_is_cancelled(engine: SdxlEngine, portray: Portray) -> None:
    cancelled = threading.Event()

    def stop(phase: str, done: int, _total: int) -> None:
        if phase.startswith("drawing") and done == 1:
            cancelled.set()

    with pytest.raises(Cancelled):
        portray(engine, photo=HOPPER, cancelled=cancelled, on_progress=stop)
    assert portray(engine, photo=HOPPER).outcome.score > 40


def test_previews_come_only_where_they_are_wanted(engine: SdxlEngine, portray: Portray) -> None:
    assert len(portray(engine, photo=HOPPER, preview=True).previews) == 2  # a fifth of ten steps
    assert portray(engine, photo=HOPPER).previews == []


def test_a_checkpoint_of_the_user_s_own_is_read_and_the_usual_one_comes_back(
    engine: SdxlEngine, portray: Portray, glass: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(glass / "models" / "sdxl-base", tmp_path / "my-model")
    first = portray(engine, photo=HOPPER)
    other = portray(engine, photo=HOPPER, checkpoint=str(own))
    assert other.outcome.source == "drawn by my-model, seed 0"
    assert "Model: my-model" in other.text["parameters"]
    assert "reading my-model" in {phase for phase, _, _ in other.progress}
    back = portray(engine, photo=HOPPER)
    assert back.outcome.source == first.outcome.source
    assert np.array_equal(np.asarray(back.picture()), np.asarray(first.picture()))


def test_what_cannot_be_used_is_refused_in_a_sentence(
    engine: SdxlEngine, portray: Portray, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "old.ckpt").write_bytes(b"pickled")
    with pytest.raises(TextError, match="prompt is empty"):
        portray(engine, "  \n")
    with pytest.raises(PhotoError, match="not a picture"):
        portray(engine, photo=tmp_path / "text.jpg")
    with pytest.raises(InputError, match="The refiner finishes what is drawn from noise"):
        portray(engine, refine=True)
    with pytest.raises(WeightsError, match=r"not a \.safetensors file"):
        portray(engine, checkpoint=str(tmp_path / "old.ckpt"))
    task = Task("test", 1, Stage.FACE, "sdxl", str(tmp_path), {}, FaceParams())
    with pytest.raises(InputError, match="takes portrait parameters"):
        engine.run(task, context())


def test_it_is_ready_with_its_weights_or_with_the_tokenizers_for_one_s_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SdxlEngine.availability().ready
    models = home / "models"
    (models / "sdxl-base").rename(models / "away")
    lacking = SdxlEngine.availability()
    assert (lacking.ready, lacking.remedy) == (False, "Run `avatar models fetch sdxl-base`.")
    configuration = shutil.copytree(models / "away", models / "sdxl-configuration")
    assert (configuration / RECORD_NAME).is_file()
    assert SdxlEngine.availability().ready
    monkeypatch.delenv("AVATAR_CHECKPOINT", raising=False)
    engine = SdxlEngine()
    engine.load()
    with pytest.raises(EngineUnavailable, match="name a checkpoint of yours"):
        engine.run(Task("t", 1, Stage.PORTRAIT, "sdxl", str(home), {}, PortraitParams()), context())
    engine.unload()


def test_loading_and_drawing_reach_for_no_network(
    glass: Path, portray: Portray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_arguments: object, **_named: object) -> None:
        raise AssertionError("it reached for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", deny)
    monkeypatch.setenv("AVATAR_HOME", str(glass))
    engine = SdxlEngine()
    engine.load()
    assert portray(engine, photo=HOPPER, strength=0.1).outcome.score > 40
    single = make_single_file(glass / "one.safetensors", glass / "models" / "sdxl-base")
    assert portray(engine, photo=HOPPER, strength=0.1, checkpoint=str(single)).outcome.score > 40
    engine.unload()


def test_unloaded_it_holds_nothing(glass: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(glass))
    engine = SdxlEngine()
    engine.load()
    assert isinstance(engine.finder, FaceFinder)
    network = engine.network
    held = weakref.ref(network.painter.unet)
    engine.offload()
    engine.unload()
    assert network.bytes == 0
    del network
    gc.collect()
    assert held() is None
