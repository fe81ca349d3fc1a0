"""`avatar stage`: one stage alone, on one worker, to look at it closely."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import drawing, options
from orchestrator.cli.dubbing import dubbing
from orchestrator.cli.outcome import summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from orchestrator.cli.preview import PreviewFile
    from orchestrator.cli.session import Session
    from orchestrator.job import Job
    from orchestrator.output import Target
    from shared_schema.messages import FileRef
    from shared_schema.stages import Params

__all__ = ["stage"]

# ruff: noqa: PLC0415 - see orchestrator.cli


@click.group(short_help="Run one stage alone.")
def stage() -> None:
    """Run one stage on its worker alone: to debug it, or to use just that."""


def _list_engines(name: str) -> Callable[[Any], Any]:
    """The `--list-engines` option of a stage."""

    def show(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            from orchestrator.cli.engines import list_engines

            list_engines(name)
            ctx.exit()

    return click.option(
        "--list-engines",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="List the engines of this stage: ready, or what each lacks and how to get it.",
    )


_engine = click.option("--engine", metavar="ENGINE", help="Engine to use; see --list-engines.")
_voice_engine = click.option(
    "--engine", metavar="ENGINE", envvar="AVATAR_TTS", help="Engine to use; see --list-engines."
)


@stage.command(short_help="Text to speech.")
@options.speech
@click.option(
    "-o", "--output", type=options.file_path, required=True, metavar="FILE", help="The sound (.wav)."
)
@click.option(
    "--timings", type=options.file_path, metavar="FILE", help="Write phoneme timings here (.jsonl)."
)
@click.option(
    "--stream", is_flag=True, help="Send the sound to stdout too, while it is spoken: 16-bit mono PCM."
)
@_voice_engine
@options.accept_license
@options.common
@_list_engines("tts")
def tts(output: Path, timings: Path | None, **given: Any) -> None:
    """Speak a text: only the voice.

    With --stream a player can begin before the text is finished: pipe it into `aplay -f S16_LE -r 24000`.
    """
    from orchestrator.cli.models import accept_for
    from orchestrator.cli.params import speech_params
    from orchestrator.output import Target
    from shared_schema.errors import InputError

    if given["stream"] and sys.stdout.isatty():
        raise InputError(
            "With --stream the sound goes to stdout, which is this terminal.",
            "Pipe it into a player: `| aplay -f S16_LE -r 24000`.",
        )
    targets = {"speech": Target(output, (".wav",), force=given["force"])}
    if timings is not None:
        targets["timings"] = Target(timings, (".jsonl",), force=given["force"])
    accept_for(given["accepted"], given["engine"])
    text = options.read_text(given["text"], given["text_file"])

    def prepare(job: Job) -> dict[str, FileRef]:
        return {"text": job.add_text(text), **options.add_several(job, "voice", given["voice"])}

    _run_alone("tts", speech_params(given), prepare, targets, given)


@stage.command(short_help="A portrait, from a photo or a prompt.")
@click.argument("photo", type=options.file_path, required=False)
@options.picture
@drawing.drawing
@drawing.several
@click.option(
    "-o", "--output", type=options.file_path, required=True, metavar="FILE", help="The picture (.png)."
)
@_engine
@options.common
@_list_engines("portrait")
def portrait(photo: Path | None, output: Path, **given: Any) -> None:
    """Make PHOTO upright, cut around its face, and of the right size; or draw a portrait.

    With --prompt it is drawn, from noise or, with PHOTO, from that; without both it is the sample. With
    --count FILE is the best, FILE-2 and so on follow, and FILE-sheet.jpg shows all.
    """
    from orchestrator.cli.params import portrait_params

    targets = drawing.targets(output, given)

    def prepare(job: Job) -> dict[str, FileRef]:
        files = {"photo": job.add_file("photo", photo)} if photo is not None else {}
        return files | drawing.add_inputs(job, given)

    _run_alone("portrait", portrait_params(given), prepare, targets, given)


@stage.command(short_help="Find and measure the face in a photo.")
@click.argument("photo", type=options.file_path)
@click.option("--face", type=click.IntRange(1, 64), metavar="N", help="Which face, from the left.")
@click.option("-o", "--output", type=options.file_path, metavar="FILE", help="Write all landmarks (.json).")
@_engine
@options.common
@_list_engines("face")
def face(photo: Path, output: Path | None, **given: Any) -> None:
    """Find the face in PHOTO: its box, how far it is turned, and its 478 landmarks."""
    from orchestrator.cli.params import face_params
    from orchestrator.output import Target

    targets = {"face": Target(output, (".json",), force=given["force"])} if output is not None else {}

    def prepare(job: Job) -> dict[str, FileRef]:
        return {"portrait": job.add_file("portrait", photo)}

    _run_alone("face", face_params(given), prepare, targets, given)


@stage.command(short_help="Portrait and speech to video.")
@options.portrait
@click.option("--speech", type=options.file_path, required=True, metavar="FILE", help="What the lips follow.")
@click.option("--timings", type=options.file_path, metavar="FILE", help="Phoneme timings of the speech.")
@options.picture
@options.video
@dubbing
@options.video_out
@_engine
@options.accept_license
@options.common
@_list_engines("lipsync")
def lipsync(
    portrait: Path | None, speech: Path, timings: Path | None, output: Path | None, **given: Any
) -> None:
    """Make a portrait speak a recording. Without --timings the lips follow its sound.

    With --stream a player can begin before the video is finished: pipe it into `mpv -`.
    """
    from orchestrator.cli.models import accept_for
    from orchestrator.cli.params import lipsync_params, portrait_params, role_of
    from orchestrator.cli.session import drive
    from orchestrator.cli.setup import ensure
    from orchestrator.cli.videoout import VideoOut
    from orchestrator.media import wav_seconds
    from orchestrator.pipeline import Request, lip_sync, picture
    from shared_schema.stages import SpeechParams, Stage

    out = VideoOut(output, given["stream_to"], force=given["force"])
    role = role_of(portrait, given)
    accept_for(given["accepted"], given["engine"])
    ensure("vision", "lipsync", quiet=given["as_json"])
    spoken: dict[str, FileRef] = {}
    seen: dict[str, FileRef] = {}

    def prepare(job: Job) -> None:
        spoken["speech"] = job.add_file("speech", speech)
        if timings is not None:
            spoken["timings"] = job.add_file("timings", timings)
        if portrait is not None:
            seen[role] = job.add_file(role, portrait)

    async def work(session: Session) -> str:
        request = Request(
            seen,
            SpeechParams(),
            portrait_params(given),
            lipsync_params(given),
            {Stage.LIPSYNC: given["engine"]} if given["engine"] is not None else {},
            own_rate=given["fps"] is None,
            seconds=wav_seconds(session.job.path(spoken["speech"])),
        )
        async with out.taking(session):
            shown = await picture(session.runner, request)
            report = await lip_sync(session.runner, request, shown, spoken)
        out.publish(session, report)
        return out.summary(summary([*shown.reports, report], out.path, as_json=given["as_json"]))

    drive(work, prepare=prepare, seed=given["seed"], as_json=given["as_json"], verbose=given["verbose"])


def _run_alone(
    name: str,
    params: Params,
    prepare: Callable[[Job], dict[str, FileRef]],
    targets: dict[str, Target],
    given: dict[str, Any],
) -> None:
    """Run one stage and publish its files by the targets' names."""
    from contextlib import AsyncExitStack

    from orchestrator.cli.preview import PreviewFile
    from orchestrator.cli.session import drive
    from orchestrator.cli.setup import ensure
    from orchestrator.launcher import worker_of
    from shared_schema.stages import Stage

    ensure(worker_of(Stage(name), given["engine"]), quiet=given["as_json"])
    inputs: dict[str, FileRef] = {}
    preview = PreviewFile(given["preview"], force=given["force"]) if given.get("preview") else None

    async def work(session: Session) -> str:
        async with AsyncExitStack() as stack:
            await _listen(session, stack, preview, stream=given.get("stream", False))
            report = await session.runner.run(Stage(name), params, inputs, given["engine"])
        for role, target in targets.items():
            if role in report.files:  # of several pictures there may be fewer than were wanted
                target.publish(session.job.path(report.files[role]))
        first = next((target.path for target in targets.values()), None)
        words = summary([report], first, as_json=given["as_json"])
        if given.get("stream"):
            click.echo(words, err=True)
            return ""
        return words

    drive(
        work,
        prepare=lambda job: inputs.update(prepare(job)),
        seed=given["seed"],
        as_json=given["as_json"],
        verbose=given["verbose"],
    )


async def _listen(
    session: Session, stack: AsyncExitStack, preview: PreviewFile | None, *, stream: bool
) -> None:
    """Have pieces of results shown while they are made, as far as that was asked for."""
    from orchestrator.cli.soundout import SoundOut

    if stream:
        sound = await stack.enter_async_context(SoundOut(session.job.folder))
        session.runner.on_chunk = sound.chunk
    elif preview is not None:
        session.runner.on_chunk = preview.chunk
