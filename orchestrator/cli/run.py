"""`avatar run`: the whole way from text to a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options
from orchestrator.cli.drawing import add_inputs, drawing

if TYPE_CHECKING:
    from orchestrator.runner import StageReport

__all__ = ["run"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.command(short_help="Make a talking-head video.")
@options.speech
@click.option("--portrait", type=options.file_path, metavar="FILE", help="A photo. [default: the sample]")
@options.picture
@drawing
@options.video
@click.option(
    "-o", "--output", type=options.file_path, required=True, metavar="FILE", help="The video (.mp4)."
)
@options.engine("--tts", "tts_engine", "tts", envvar="AVATAR_TTS")
@options.accept_license
@options.engine("--portrait-engine", "portrait_engine", "portrait")
@options.engine("--lipsync", "lipsync_engine", "lipsync")
@options.common
def run(output: Path, **given: Any) -> None:
    """Make a video in which the portrait speaks the text.

    Without --text or --text-file the sample text is spoken, without --portrait or --prompt by the
    sample portrait. Missing environments are set up first.
    """
    from orchestrator.cli.models import accept_for, offer
    from orchestrator.cli.params import lipsync_params, portrait_params, speech_params
    from orchestrator.cli.placement import placement
    from orchestrator.cli.session import Session, drive
    from orchestrator.cli.setup import ensure
    from orchestrator.job import Job
    from orchestrator.launcher import worker_of
    from orchestrator.output import Target
    from orchestrator.pipeline import Request, talking_portrait
    from shared_schema.stages import Stage

    target = Target(output, (".mp4",), force=given["force"])
    text = options.read_text(given["text"], given["text_file"])
    accept_for(given["tts_engine"], given["accepted"])
    portrait = portrait_params(given)
    ensure(worker_of(Stage.SPEECH, given["tts_engine"]), "vision", "lipsync", quiet=given["as_json"])
    if not given["as_json"]:
        offer(gpu=any(not leased.device.is_host for leased in placement().devices))
    inputs = {}

    def prepare(job: Job) -> None:
        inputs["text"] = job.add_text(text)
        inputs.update(options.add_several(job, "voice", given["voice"]))
        if given["portrait"] is not None:
            inputs["photo"] = job.add_file("photo", given["portrait"])
        inputs.update(add_inputs(job, given))

    async def work(session: Session) -> str:
        request = Request(inputs, speech_params(given), portrait, lipsync_params(given), _engines(given))
        reports = await talking_portrait(session.supervisor, session.runner, request)
        target.publish(session.job.path(reports[-1].files["video"]))
        return _summary(reports, output, as_json=given["as_json"])

    drive(work, prepare=prepare, seed=given["seed"], as_json=given["as_json"], verbose=given["verbose"])


def _engines(given: dict[str, Any]) -> dict[Any, str]:
    from shared_schema.stages import Stage

    named = {
        Stage.SPEECH: given["tts_engine"],
        Stage.PORTRAIT: given["portrait_engine"],
        Stage.LIPSYNC: given["lipsync_engine"],
    }
    return {stage: name for stage, name in named.items() if name is not None}


def _summary(reports: list[StageReport], output: Path, *, as_json: bool) -> str:
    """The last words: the file, its length, the time of each stage."""
    from orchestrator.cli.session import report_as_json
    from shared_schema.stages import LipsyncOutcome, PortraitOutcome, SpeechOutcome

    if as_json:
        return report_as_json(reports, output)
    spoken = [report.outcome for report in reports if isinstance(report.outcome, SpeechOutcome)]
    seen = [report.outcome for report in reports if isinstance(report.outcome, PortraitOutcome)]
    advice = [words for one in spoken for words in one.advice] + [
        words for one in seen for words in one.advice
    ]
    video = reports[-1].outcome
    assert isinstance(video, LipsyncOutcome)  # noqa: S101 - the last stage is lip-sync
    lines = [
        *(f"voice     {outcome.voice}" for outcome in spoken if outcome.voice),
        *(f"portrait  {outcome.source}" for outcome in seen if outcome.drawn),
        *(f"advice    {words}" for words in advice),
        f"video     {video.seconds:.2f} s, {video.frames} frames, {video.width}x{video.height}",
        "time      " + ", ".join(f"{report.stage} {report.seconds:.1f} s" for report in reports),
        str(output),
    ]
    return "\n".join(lines)
