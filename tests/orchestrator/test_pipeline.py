"""Each stage gets the files that are its own, of roles with several files all of them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from orchestrator.pipeline import Request, talking_portrait
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema.errors import FaceError
from shared_schema.messages import FileRef
from shared_schema.stages import (
    Drawing,
    LipsyncOutcome,
    LipsyncParams,
    Params,
    PortraitParams,
    SpeechParams,
    Stage,
)


def file(name: str) -> FileRef:
    return FileRef(name, "0" * 64, 1)


MADE = {
    Stage.SPEECH: ("speech", "timings"),
    Stage.PORTRAIT: ("portrait", "face"),
    Stage.LIPSYNC: ("video",),
}


class Recorder:
    """In place of supervisor and runner: notes what each stage is asked, and says that it is done."""

    def __init__(self, *failing: Stage) -> None:
        self.warmed: list[str] = []
        self.inputs: dict[Stage, set[str]] = {}
        self.params: dict[Stage, Params] = {}
        self.engines: dict[Stage, str | None] = {}
        self._failing = failing

    async def worker(self, name: str) -> Any:
        self.warmed.append(name)

    async def run(
        self, stage: Stage, params: Params, inputs: dict[str, FileRef], engine: str | None = None
    ) -> StageReport:
        self.inputs[stage], self.params[stage], self.engines[stage] = set(inputs), params, engine
        assert all(reference.path == role for role, reference in inputs.items())
        await asyncio.sleep(0)
        if stage in self._failing:
            raise FaceError("There is no face.")
        files = {name: file(name) for name in MADE[stage]}
        return StageReport(stage, "x", "1", "", 0.0, {}, 1, LipsyncOutcome(1, 1.0, 2, 2, "sound"), files)


def make(recorder: Recorder, *roles: str) -> list[StageReport]:
    request = Request(
        {role: file(role) for role in roles},
        SpeechParams(language="de"),
        PortraitParams(drawing=Drawing(steps=7)),
        LipsyncParams(blink=False),
        {Stage.PORTRAIT: "sdxl"},
    )
    return asyncio.run(talking_portrait(cast("Supervisor", recorder), cast("Runner", recorder), request))


def test_each_stage_gets_its_own_files_and_all_of_a_role() -> None:
    recorder = Recorder()
    given = ("text", "voice", "voice-2", "voice-3", "photo", "prompt", "lora", "lora-2")
    reports = make(recorder, *given)
    assert recorder.inputs == {
        Stage.SPEECH: {"text", "voice", "voice-2", "voice-3"},
        Stage.PORTRAIT: {"photo", "prompt", "lora", "lora-2"},
        Stage.LIPSYNC: {"portrait", "face", "speech", "timings"},
    }
    assert [report.stage for report in reports] == [Stage.SPEECH, Stage.PORTRAIT, Stage.LIPSYNC]


def test_what_was_not_given_is_not_passed_on() -> None:
    recorder = Recorder()
    make(recorder, "text")
    assert recorder.inputs[Stage.SPEECH] == {"text"}
    assert recorder.inputs[Stage.PORTRAIT] == set()


def test_each_stage_gets_its_params_and_the_engine_that_was_named() -> None:
    recorder = Recorder()
    make(recorder, "text", "prompt")
    assert recorder.params == {
        Stage.SPEECH: SpeechParams(language="de"),
        Stage.PORTRAIT: PortraitParams(drawing=Drawing(steps=7)),
        Stage.LIPSYNC: LipsyncParams(blink=False),
    }
    assert recorder.engines == {Stage.SPEECH: None, Stage.PORTRAIT: "sdxl", Stage.LIPSYNC: None}


def test_the_last_stage_s_worker_starts_with_the_first_ones() -> None:
    recorder = Recorder()
    make(recorder, "text")
    assert recorder.warmed == ["lipsync"]


def test_the_error_of_a_stage_is_the_error_of_all_and_no_video_is_begun() -> None:
    recorder = Recorder(Stage.PORTRAIT)
    with pytest.raises(FaceError, match="There is no face"):
        make(recorder, "text")
    assert Stage.LIPSYNC not in recorder.inputs
