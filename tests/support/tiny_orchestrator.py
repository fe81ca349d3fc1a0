"""A process that is an orchestrator with one fake worker, for tests that kill it.

Arguments: the behaviour that its task asks for. Prints the worker's pid when the task is under way.
"""

from __future__ import annotations

import asyncio
import sys

from orchestrator.job import Job
from shared_schema.messages import Progress
from tests.support.bed import Bed, Ear


async def main(behaviour: str) -> None:
    with Job() as job:
        bed = Bed(job)
        async with bed.supervisor() as supervisor:
            worker, hello = await supervisor.worker("tts")

            def announce(progress: Progress) -> None:
                if progress.phase == "speaking" and progress.done == (behaviour in {"wait", "child"}):
                    print(hello.pid, job.folder, flush=True)

            if behaviour == "idle":
                print(hello.pid, job.folder, flush=True)
                await worker.ended()
            await worker.run(bed.task(behaviour), Ear(on_progress=announce))


asyncio.run(main(sys.argv[1]))
