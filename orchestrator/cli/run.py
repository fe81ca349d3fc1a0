"""`avatar run`: the whole way from text to a video."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options
from orchestrator.cli.drawing import add_inputs, drawing
from orchestrator.cli.dubbing import dubbing

if TYPE_CHECKING:
    from orchestrator.pipeline import Request
    from orchestrator.runner import StageReport
    from shared_schema.messages import FileRef
    from shared_schema.stages import PortraitParams

__all__ = ["run"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.command(short_help="Make a talking-head video.")
@options.speech
@options.portrait
@options.picture
@drawing
@options.video
@dubbing
@options.video_out
@options.engine("--tts", "tts_engine", "tts", envvar="AVATAR_TTS")
@options.accept_license
@options.engine("--portrait-engine", "portrait_engine", "portrait")
@options.engine("--lipsync", "lipsync_engine", "lipsync")
@options.common
def run(output: Path | None, **given: Any) -> None:
    """Make a video in which the portrait speaks the text.

    Without --text or --text-file the sample text is spoken, without --portrait or --prompt by the
    sample portrait. Missing environments are set up first.

    With --stream a player can begin before the video is finished: pipe it into `mpv -`. Where the
    lip-sync engine can follow a voice that still speaks, it begins with the first words.
    """
    from orchestrator.cli.models import accept_for, offer
    from orchestrator.cli.params import portrait_params, role_of
    from orchestrator.cli.placement import placement
    from orchestrator.cli.session import Session, drive
    from orchestrator.cli.setup import ensure
    from orchestrator.cli.videoout import VideoOut
    from orchestrator.job import Job
    from orchestrator.launcher import worker_of
    from orchestrator.pipeline import talking_portrait
    from orchestrator.streaming import streamed_portrait
    from shared_schema.stages import Stage

    out = VideoOut(output, given["stream_to"], force=given["force"])
    text = options.read_text(given["text"], given["text_file"])
    accept_for(given["accepted"], given["tts_engine"], given["lipsync_engine"])
    portrait = portrait_params(given)
    role = role_of(given["portrait"], given)
    ensure(worker_of(Stage.SPEECH, given["tts_engine"]), "vision", "lipsync", quiet=given["as_json"])
    if not given["as_json"]:
        offer(gpu=any(not leased.device.is_host for leased in placement().devices))
    inputs: dict[str, FileRef] = {}

    def prepare(job: Job) -> None:
        inputs["text"] = job.add_text(text)
        inputs.update(options.add_several(job, "voice", given["voice"]))
        if given["portrait"] is not None:
            inputs[role] = job.add_file(role, given["portrait"])
        inputs.update(add_inputs(job, given))

    async def work(session: Session) -> str:
        request = _request(inputs, portrait, given)
        make = partial(streamed_portrait, session.job.folder) if out.streamed else talking_portrait
        async with out.taking(session):
            reports = await make(session.supervisor, session.runner, request)
        out.publish(session, reports[-1])
        return out.summary(_summary(reports, out.path, as_json=given["as_json"]))

    drive(work, prepare=prepare, seed=given["seed"], as_json=given["as_json"], verbose=given["verbose"])


def _request(inputs: dict[str, FileRef], portrait: PortraitParams, given: dict[str, Any]) -> Request:
    from orchestrator.cli.params import lipsync_params, speech_params
    from orchestrator.pipeline import Request

    return Request(
        inputs,
        speech_params(given),
        portrait,
        lipsync_params(given),
        _engines(given),
        own_rate=given["fps"] is None,
    )


def _engines(given: dict[str, Any]) -> dict[Any, str]:
    from shared_schema.stages import Stage

    named = {
        Stage.SPEECH: given["tts_engine"],
        Stage.PORTRAIT: given["portrait_engine"],
        Stage.LIPSYNC: given["lipsync_engine"],
    }
    return {stage: name for stage, name in named.items() if name is not None}


def _summary(reports: list[StageReport], output: Path | None, *, as_json: bool) -> str:
    """The last words: the file, its length, the time of each stage."""
    from orchestrator.cli.session import report_as_json
    from shared_schema.stages import LipsyncOutcome, PortraitOutcome, SpeechOutcome, TrackOutcome

    if as_json:
        return report_as_json(reports, output)
    spoken = [report.outcome for report in reports if isinstance(report.outcome, SpeechOutcome)]
    seen = [report.outcome for report in reports if isinstance(report.outcome, PortraitOutcome)]
    followed = [report.outcome for report in reports if isinstance(report.outcome, TrackOutcome)]
    advice = [words for one in spoken for words in one.advice] + [
        words for one in seen for words in one.advice
    ]
    video = reports[-1].outcome
    assert isinstance(video, LipsyncOutcome)  # noqa: S101 - the last stage is lip-sync
    lines = [
        *(f"voice     {outcome.voice}" for outcome in spoken if outcome.voice),
        *(f"portrait  {outcome.source}" for outcome in seen if outcome.drawn),
        *(f"face      seen in {one.seen} of {one.frames} frames of the clip" for one in followed),
        *(f"advice    {words}" for words in advice),
        f"video     {video.seconds:.2f} s, {video.frames} frames, {video.width}x{video.height}",
        "time      " + ", ".join(f"{report.stage} {report.seconds:.1f} s" for report in reports),
        *([str(output)] if output is not None else []),
    ]
    return "\n".join(lines)
