"""From text, portrait and voice to a video: which stage needs what, and what may run side by side.

text, voice ────> speech ────── speech, timings ────────┐
                                                        ├──> lipsync ── video
photo, prompt ──> portrait ──── portrait, face ─────────┤
             or                                         │
video ──────────> clip ──────── shots, frames ─> face ──┘ clip, shots, track
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from orchestrator.groups import first_error
from orchestrator.launcher import WORKER_OF
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema import limits
from shared_schema.feed import Feed
from shared_schema.messages import FileRef
from shared_schema.stages import (
    ClipOutcome,
    ClipParams,
    LipsyncParams,
    PortraitParams,
    SpeechParams,
    Stage,
    TrackParams,
)

__all__ = ["Request", "Subject", "follow", "lip_sync", "picture", "speak", "talking_portrait"]


@dataclass(frozen=True)
class Request:
    """What to make. Files are by role; engines by stage where the user named one.

    A file of the role clip is a video in place of the photo; with `own_rate` the result has its frame rate.
    `seconds` is how long the speech is, 0 where that is not known yet.
    """

    inputs: dict[str, FileRef]
    speech: SpeechParams
    portrait: PortraitParams
    lipsync: LipsyncParams
    engines: dict[Stage, str]
    own_rate: bool = False
    seconds: float = 0.0

    @property
    def seen(self) -> tuple[str, ...]:
        """What lip-sync will be given to look at."""
        return ("clip", "shots", "track") if "clip" in self.inputs else ("portrait", "face")


@dataclass(frozen=True)
class Subject:
    """Who is to speak: lip-sync's files and parameters, and what the stages did that made them."""

    files: dict[str, FileRef]
    params: LipsyncParams
    reports: list[StageReport]


async def talking_portrait(supervisor: Supervisor, runner: Runner, request: Request) -> list[StageReport]:
    """Speech and portrait side by side, then lip-sync; the reports in that order, the video in the last."""
    try:
        async with asyncio.TaskGroup() as group:
            # All workers start at once: the last stage's is ready by the time it is needed.
            group.create_task(_warm(supervisor, Stage.LIPSYNC))
            speech = group.create_task(speak(runner, request))
            shown = group.create_task(picture(runner, request))
    except BaseExceptionGroup as group_error:
        raise first_error(group_error) from None
    video = await lip_sync(runner, request, shown.result(), speech.result().files)
    return [speech.result(), *shown.result().reports, video]


async def speak(runner: Runner, request: Request) -> StageReport:
    """The voice."""
    return await _stage(runner, request, Stage.SPEECH, ("text", "voice"))


async def picture(runner: Runner, request: Request) -> Subject:
    """The portrait, made of a photo or a prompt; or a video in which the face was followed.

    Raises as `choose` where no lip-sync engine can use a video: before that is read.
    """
    if "clip" not in request.inputs:
        portrait = await _stage(runner, request, Stage.PORTRAIT, ("photo", "prompt", "lora"))
        return Subject(portrait.files, request.lipsync, [portrait])
    engine = request.engines.get(Stage.LIPSYNC)
    await runner.pick(Stage.LIPSYNC, request.lipsync, {*request.seen, "speech"}, engine)
    clip = request.inputs["clip"]
    # A second more than is said: the video's last frame may be shown when the speech is over.
    read = ClipParams(request.seconds + 1.0 if request.seconds else 0.0)
    reports = await follow(runner, clip, read, request.portrait.face)
    files = {"clip": clip, "shots": reports[0].files["shots"], "track": reports[1].files["track"]}
    return Subject(files, _at_own_rate(request, reports[0]), reports)


async def follow(runner: Runner, clip: FileRef, read: ClipParams, face: int | None) -> list[StageReport]:
    """Read a video, and follow a face through it; `face` is as in `TrackParams`."""
    shots = await runner.run(Stage.CLIP, read, {"clip": clip})
    rate = _rate(shots)
    frames = {role: file for role, file in shots.files.items() if role.partition("-")[0] == "frames"}
    params = TrackParams(rate.numerator, rate.denominator, face)
    return [shots, await runner.run(Stage.FACE, params, frames)]


async def lip_sync(
    runner: Runner,
    request: Request,
    shown: Subject,
    speech: dict[str, FileRef],
    live: Mapping[str, Feed] | None = None,
) -> StageReport:
    """The last stage, on who is to speak and speech with or without timings, or speech that is `live`."""
    engine = request.engines.get(Stage.LIPSYNC)
    return await runner.run(Stage.LIPSYNC, shown.params, {**shown.files, **speech}, engine, live)


def _at_own_rate(request: Request, shots: StageReport) -> LipsyncParams:
    """The parameters, with the video's frame rate where no other was asked for."""
    if not request.own_rate:
        return request.lipsync
    rate = min(max(_rate(shots), Fraction(limits.MIN_FRAME_RATE)), Fraction(limits.MAX_FRAME_RATE))
    return msgspec.structs.replace(
        request.lipsync, fps_numerator=rate.numerator, fps_denominator=rate.denominator
    )


def _rate(shots: StageReport) -> Fraction:
    outcome = shots.outcome
    assert isinstance(outcome, ClipOutcome)  # noqa: S101 - what the clip stage answers
    return Fraction(outcome.fps_numerator, outcome.fps_denominator)


async def _warm(supervisor: Supervisor, stage: Stage) -> None:
    await supervisor.worker(WORKER_OF[stage])


async def _stage(runner: Runner, request: Request, stage: Stage, roles: tuple[str, ...]) -> StageReport:
    # A role may have several files: voice, voice-2 and so on.
    inputs = {role: file for role, file in request.inputs.items() if role.partition("-")[0] in roles}
    params = request.speech if stage is Stage.SPEECH else request.portrait
    return await runner.run(stage, params, inputs, request.engines.get(stage))
