"""Each stage gets the files that are its own, of roles with several files all; a video goes its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any, cast

import pytest

from orchestrator.pipeline import Request, talking_portrait
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema.errors import EngineUnavailable, FaceError
from shared_schema.feed import Feed
from shared_schema.messages import FileRef
from shared_schema.stages import (
    ClipOutcome,
    ClipParams,
    Drawing,
    LipsyncOutcome,
    LipsyncParams,
    Outcome,
    Params,
    PortraitParams,
    SpeechParams,
    Stage,
    TrackParams,
)


def file(name: str) -> FileRef:
    return FileRef(name, "0" * 64, 1)


MADE = {
    Stage.SPEECH: ("speech", "timings"),
    Stage.PORTRAIT: ("portrait", "face"),
    Stage.CLIP: ("frames", "frames-2", "shots"),
    Stage.FACE: ("track",),
    Stage.LIPSYNC: ("video",),
}


class Recorder:
    """In place of supervisor and runner: notes what each stage is asked, and says that it is done."""

    def __init__(self, *failing: Stage, rate: Fraction = Fraction(25), dubs: bool = True) -> None:
        self.warmed: list[str] = []
        self.inputs: dict[Stage, set[str]] = {}
        self.params: dict[Stage, Params] = {}
        self.engines: dict[Stage, str | None] = {}
        self.picked: set[str] = set()
        self._failing, self._rate, self._dubs = failing, rate, dubs

    async def worker(self, name: str) -> Any:
        self.warmed.append(name)

    async def pick(
        self, _stage: Stage, _params: Params, inputs: Collection[str], _engine: str | None = None
    ) -> None:
        self.picked = set(inputs)
        if not self._dubs:
            raise EngineUnavailable("No lipsync engine can work.")

    async def run(
        self,
        stage: Stage,
        params: Params,
        inputs: dict[str, FileRef],
        engine: str | None = None,
        live: Mapping[str, Feed] | None = None,
    ) -> StageReport:
        self.inputs[stage], self.params[stage], self.engines[stage] = set(inputs), params, engine
        assert all(reference.path == role for role, reference in inputs.items())
        await asyncio.sleep(0)
        if stage in self._failing:
            raise FaceError("There is no face.")
        files = {name: file(name) for name in MADE[stage]}
        outcome: Outcome = LipsyncOutcome(1, 1.0, 2, 2, "sound")
        if stage is Stage.CLIP:
            outcome = ClipOutcome(9, 1.0, 640, 360, *self._rate.as_integer_ratio())
        return StageReport(stage, "x", "1", "", 0.0, {}, 1, outcome, files)


def make(recorder: Recorder, *roles: str, face: int | None = None, **more: Any) -> list[StageReport]:
    request = Request(
        {role: file(role) for role in roles},
        SpeechParams(language="de"),
        PortraitParams(face=face, drawing=Drawing(steps=7)),
        LipsyncParams(blink=False),
        {Stage.PORTRAIT: "sdxl"},
        **more,
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


NTSC = Fraction(30_000, 1001)


def test_a_video_is_read_and_its_face_followed_in_place_of_a_portrait() -> None:
    recorder = Recorder(rate=NTSC)
    reports = make(recorder, "text", "clip", face=2)
    assert [report.stage for report in reports] == [Stage.SPEECH, Stage.CLIP, Stage.FACE, Stage.LIPSYNC]
    assert recorder.inputs == {
        Stage.SPEECH: {"text"},
        Stage.CLIP: {"clip"},
        Stage.FACE: {"frames", "frames-2"},
        Stage.LIPSYNC: {"clip", "shots", "track", "speech", "timings"},
    }
    assert recorder.params[Stage.CLIP] == ClipParams(0.0)
    assert recorder.params[Stage.FACE] == TrackParams(30_000, 1001, 2)


def test_no_more_of_a_video_is_read_than_a_known_speech_needs() -> None:
    recorder = Recorder()
    make(recorder, "text", "clip", seconds=12.5)
    assert recorder.params[Stage.CLIP] == ClipParams(13.5)


@pytest.mark.parametrize(
    ("own", "rate"),
    [(NTSC, NTSC), (Fraction(240), Fraction(120)), (Fraction(1, 3), Fraction(1))],
)
def test_the_result_has_the_video_s_frame_rate_as_far_as_that_can_be(own: Fraction, rate: Fraction) -> None:
    recorder = Recorder(rate=own)
    make(recorder, "text", "clip", own_rate=True)
    numerator, denominator = rate.as_integer_ratio()
    expected = LipsyncParams(numerator, denominator, blink=False)
    assert recorder.params[Stage.LIPSYNC] == expected


def test_a_frame_rate_that_was_asked_for_is_kept() -> None:
    recorder = Recorder(rate=NTSC)
    make(recorder, "text", "clip", own_rate=False)
    assert recorder.params[Stage.LIPSYNC] == LipsyncParams(blink=False)


def test_a_video_that_no_engine_can_use_is_not_even_read() -> None:
    recorder = Recorder(dubs=False)
    with pytest.raises(EngineUnavailable):
        make(recorder, "text", "clip")
    assert recorder.picked == {"clip", "shots", "track", "speech"}
    assert Stage.CLIP not in recorder.inputs
