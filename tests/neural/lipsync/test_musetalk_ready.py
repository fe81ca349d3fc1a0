"""What the engine makes ready for a task: a generator of the right size, and the latents of its faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lipsync_worker.engines.musetalk import ACTIVATIONS, CONTEXT, WEIGHTS, MuseTalk
from lipsync_worker.musetalk.generator import Generator
from lipsync_worker.musetalk.latents import Latents
from shared_schema.engine import Context
from shared_schema.messages import FileRef, Profile, Task
from shared_schema.stages import Dubbing, LipsyncParams, Stage

USUAL = LipsyncParams()


def dubbing(**wishes: Any) -> LipsyncParams:
    return LipsyncParams(dubbing=Dubbing(**wishes))


def ready(
    engine: MuseTalk, params: LipsyncParams = USUAL, portrait: str = "a", **context: Any
) -> tuple[Generator, Latents]:
    """The engine's generator and latents for a task on a portrait with this digest."""
    digests = {"portrait": portrait, "face": "f"}
    inputs = {role: FileRef(role, digest * 64, 1) for role, digest in digests.items()}
    task = Task("test", 1, Stage.LIPSYNC, "musetalk", "/nowhere", inputs, params)
    made = Context(task, **context)
    engine.prepare(params, made)
    return engine.at_work(task, params, made)


def kept_at(engine: MuseTalk, params: LipsyncParams = USUAL, portrait: str = "a") -> Path | None:
    """Where a task's latents would be kept."""
    return ready(engine, params, portrait)[1]._path


def test_latents_are_taken_only_where_all_is_the_same_that_decides_them(engine: MuseTalk) -> None:
    usual = kept_at(engine)
    assert usual is not None
    for same in (
        LipsyncParams(sway=False, blink=False),
        dubbing(gate=False, match=False, sharpen=0.5),
        dubbing(version="v1.5"),
    ):
        assert kept_at(engine, same) == usual
    others = [
        kept_at(engine, USUAL, portrait="b"),
        kept_at(engine, dubbing(version="v1")),
        kept_at(engine, dubbing(version="v1", shift=5)),
    ]
    assert None not in others
    assert len({usual, *others}) == 4


def test_latents_that_were_drawn_by_chance_are_not_kept(engine: MuseTalk) -> None:
    assert kept_at(engine, dubbing(compat=True)) is None


@pytest.mark.parametrize(
    ("budget", "batch"),
    [
        (0, 8),  # nobody said
        (WEIGHTS + CONTEXT + 100 * ACTIVATIONS, 8),
        (WEIGHTS + CONTEXT + 3 * ACTIVATIONS, 3),
        (WEIGHTS + CONTEXT, 1),
        (1, 1),
    ],
)
def test_a_budget_lowers_the_batch(engine: MuseTalk, budget: int, batch: int) -> None:
    generator, _ = ready(engine, budget=budget, profile=Profile(batch=8))
    assert generator.batch == batch


def test_a_task_is_not_given_less_because_memory_was_short_before(engine: MuseTalk) -> None:
    first, _ = ready(engine, profile=Profile(batch=8))
    first.batch = 1  # as where memory was short
    again, _ = ready(engine, profile=Profile(batch=8))
    assert again.batch == 8
    assert again is first, "what was recorded for it is of use again"


def test_a_generator_that_draws_by_chance_serves_one_task(engine: MuseTalk) -> None:
    drawing = dubbing(compat=True)
    first, second, usual = (ready(engine, params)[0] for params in (drawing, drawing, USUAL))
    assert first is not second
    assert [each.is_drawing for each in (first, second, usual)] == [True, True, False]


@pytest.mark.parametrize("leave", ["offload", "unload"])
def test_a_generator_is_not_used_where_the_weights_have_moved(engine: MuseTalk, leave: str) -> None:
    first, _ = ready(engine)
    getattr(engine, leave)()
    if leave == "unload":
        engine.load()
    second, _ = ready(engine)
    assert second is not first
    assert second.network is engine.network


def test_a_generator_is_of_the_version_that_was_asked_for(engine: MuseTalk) -> None:
    for version in ("v1", "v1.5", "v1"):
        assert ready(engine, dubbing(version=version))[0].network.version == version
