"""From text, portrait and voice to a video: which stage needs what, and what may run side by side.

text, voice ────> speech ──── speech, timings ──┐
                                                ├──> lipsync ── video
photo, prompt ──> portrait ── portrait, face ───┘
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.launcher import WORKER_OF
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema.messages import FileRef
from shared_schema.stages import LipsyncParams, PortraitParams, SpeechParams, Stage

__all__ = ["Request", "lip_sync", "talking_portrait"]


@dataclass(frozen=True)
class Request:
    """What to make. Files are by role; engines by stage where the user named one."""

    inputs: dict[str, FileRef]
    speech: SpeechParams
    portrait: PortraitParams
    lipsync: LipsyncParams
    engines: dict[Stage, str]


async def talking_portrait(supervisor: Supervisor, runner: Runner, request: Request) -> list[StageReport]:
    """Speech and portrait side by side, then lip-sync; the reports in that order, the video in the last."""
    try:
        async with asyncio.TaskGroup() as group:
            # All workers start at once: the last stage's is ready by the time it is needed.
            group.create_task(_warm(supervisor, Stage.LIPSYNC))
            speech = group.create_task(_stage(runner, request, Stage.SPEECH, ("text", "voice")))
            portrait = group.create_task(_stage(runner, request, Stage.PORTRAIT, ("photo", "prompt", "lora")))
    except BaseExceptionGroup as group_error:
        raise _first(group_error) from None
    video = await lip_sync(runner, request, portrait.result(), speech.result().files)
    return [speech.result(), portrait.result(), video]


async def lip_sync(
    runner: Runner, request: Request, portrait: StageReport, speech: dict[str, FileRef]
) -> StageReport:
    """The last stage, on a portrait that was prepared and speech with or without timings."""
    return await runner.run(
        Stage.LIPSYNC,
        request.lipsync,
        {**portrait.files, **speech},
        request.engines.get(Stage.LIPSYNC),
    )


async def _warm(supervisor: Supervisor, stage: Stage) -> None:
    await supervisor.worker(WORKER_OF[stage])


async def _stage(runner: Runner, request: Request, stage: Stage, roles: tuple[str, ...]) -> StageReport:
    # A role may have several files: voice, voice-2 and so on.
    inputs = {role: file for role, file in request.inputs.items() if role.partition("-")[0] in roles}
    params = request.speech if stage is Stage.SPEECH else request.portrait
    return await runner.run(stage, params, inputs, request.engines.get(stage))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that made the others stop."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
