"""A video that is sent while its speech is still being spoken.

    text ──> speech ──pieces──> feed ──pieces──> lipsync ──fragments──> out
    photo ─> portrait ──────────────────────────────^

Lip-sync begins with the first piece of speech, where its engine can do that and both workers may hold their
devices at once; speech never waits for it. Else it begins when all has been spoken, and sends fragments too.

    the voice's worker dies, nothing was shown yet    lip-sync is cancelled, which frees its device for the
                                                      voice's next attempt; it begins again with everything
    ... something was shown                           it goes on: the next attempt says the same, and what was
                                                      heard is left out
    the lips' worker dies, nothing was shown yet      repeated, with the feed from its beginning
    ... something was shown                           an error: what was sent cannot be taken back (Runner)
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.continued import Continued
from orchestrator.groups import first_error
from orchestrator.pipeline import Request, Subject, lip_sync, picture, speak, talking_portrait
from orchestrator.runner import Runner, StageReport
from orchestrator.supervisor import Supervisor
from shared_schema.errors import EngineFailed
from shared_schema.feed import Feed
from shared_schema.messages import Chunk
from shared_schema.stages import SPEECH_RATE, SpeechOutcome, Stage

__all__ = ["streamed_portrait"]


async def streamed_portrait(
    folder: Path, supervisor: Supervisor, runner: Runner, request: Request
) -> list[StageReport]:
    """As `talking_portrait`, the video sent as chunks, from the first words on where that can be.

    `folder` is the job's: there speech waits for the lips. `request.lipsync.stream` must be set.
    """
    if not await _can_overlap(runner, request):
        return await talking_portrait(supervisor, runner, request)
    live = _Live(runner, request, folder)
    try:
        return await live.run()
    finally:
        live.close()


async def _can_overlap(runner: Runner, request: Request) -> bool:
    """Whether the lips can follow a voice that still speaks, with nobody in the way of the other."""
    named = request.engines.get(Stage.LIPSYNC)
    lips, _ = await runner.pick(Stage.LIPSYNC, request.lipsync, {*request.seen, "speech"}, named)
    voice = request.engines.get(Stage.SPEECH)
    return lips.streams and runner.side_by_side((Stage.SPEECH, voice), (Stage.LIPSYNC, named))


class _Live:
    """One video with its voice still speaking."""

    def __init__(self, runner: Runner, request: Request, folder: Path) -> None:
        self._runner = runner
        self._request = replace(request, speech=msgspec.structs.replace(request.speech, stream=True))
        self._feed = Feed(folder)
        self._speech = Continued()
        self._spoken = asyncio.Event()
        self._broke_off = asyncio.Event()
        self._followed = self._shown = self._muted = False
        self._pass_on = runner.on_chunk
        runner.on_chunk, runner.on_repeat = self._hear, self._hear_of_repeat

    def close(self) -> None:
        self._feed.discard()

    async def run(self) -> list[StageReport]:
        try:
            async with asyncio.TaskGroup() as group:
                speech = group.create_task(self._speak())
                shown = group.create_task(picture(self._runner, self._request))
                video = group.create_task(self._video(speech, shown))
        except BaseExceptionGroup as group_error:
            raise first_error(group_error) from None
        return [speech.result(), *shown.result().reports, video.result()]

    def _hear(self, stage: Stage, chunk: Chunk, data: bytes) -> None:
        if stage is Stage.SPEECH:
            self._feed.append(self._speech.new(chunk, data))
            self._spoken.set()
        elif not self._muted:
            self._shown |= stage is Stage.LIPSYNC and bool(data)
            self._pass_on(stage, chunk, data)

    def _hear_of_repeat(self, stage: Stage) -> None:
        if stage is Stage.SPEECH:
            self._broke_off.set()

    async def _speak(self) -> StageReport:
        report = await speak(self._runner, self._request)
        outcome = report.outcome
        if self._followed and isinstance(outcome, SpeechOutcome) and outcome.sample_rate != SPEECH_RATE:
            raise EngineFailed(
                f"{report.engine} speaks at {outcome.sample_rate} Hz; live speech must have {SPEECH_RATE}.",
                "Choose another voice, or write the video with -o.",
            )
        self._feed.close()
        return report

    async def _video(self, speech: asyncio.Task[StageReport], shown: asyncio.Task[Subject]) -> StageReport:
        # Whatever fails, the group ends all of them: here it is enough to wait.
        await asyncio.wait({shown})
        await self._wait_for_words(speech)
        if not speech.done() and not self._broke_off.is_set():
            report = await self._follow(shown.result())
            if report is not None:
                return report
        await asyncio.wait({speech})
        return await lip_sync(self._runner, self._request, shown.result(), speech.result().files)

    async def _wait_for_words(self, speech: asyncio.Task[StageReport]) -> None:
        words = asyncio.create_task(self._spoken.wait())
        await asyncio.wait(_any_of(words, speech), return_when=asyncio.FIRST_COMPLETED)
        words.cancel()

    async def _follow(self, shown: Subject) -> StageReport | None:
        """The video, its lips behind the voice; None where the voice broke off before anything was shown."""
        self._followed = True
        live = {"speech": self._feed}
        video = asyncio.create_task(lip_sync(self._runner, self._request, shown, {}, live))
        broken = asyncio.create_task(self._broke_off.wait())
        try:
            await asyncio.wait(_any_of(video, broken), return_when=asyncio.FIRST_COMPLETED)
            if video.done() or self._shown:
                return await video
            # What it still sends before it has heard that it was cancelled belongs to no video.
            self._muted = True
            return None
        finally:
            for task in (video, broken):
                task.cancel()
            await asyncio.gather(video, broken, return_exceptions=True)
            self._muted = self._followed = False


def _any_of(*tasks: asyncio.Task[Any]) -> set[asyncio.Task[Any]]:
    return set(tasks)
