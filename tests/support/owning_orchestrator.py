"""A process that is an orchestrator whose speech worker owns a device, for tests that kill it.

Prints the worker's pid when it owns the device and holds a block there; then keeps its turn for ever.
"""

from __future__ import annotations

import asyncio

from orchestrator.job import Job
from tests.support.bed import Ear
from tests.support.blocks import blocks, host_device


async def main() -> None:
    with Job() as job:
        async with (
            blocks(job, host_device(1)) as made,
            made.arbiter.hold("tts", made.info()) as holding,
        ):
            await holding.worker.run(made.task(), Ear())
            print(holding.worker.process.pid, flush=True)
            await holding.worker.ended()


if __name__ == "__main__":
    asyncio.run(main())
