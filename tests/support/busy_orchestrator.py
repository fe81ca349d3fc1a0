"""A process that holds a run directory and says there what it does, without doing it: for `avatar status`.

Arguments: the pids of its two "workers". Prints its run directory; ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import sys

from orchestrator.gpu.device import HOST, Device
from orchestrator.gpu.events import Event, Granted, Phase, Started, Waiting
from orchestrator.gpu.profiles import settings
from orchestrator.rundir import RunDirectory
from orchestrator.statusfile import INTERVAL, DeviceStatus, StatusFile
from tests.support.happenings import GB, began

HOST_MEMORY = Device(HOST, "host memory", 16 * GB, 12 * GB)


def happenings(tts: int, lipsync: int) -> list[Event]:
    """Speech owns the memory and speaks; lip-sync waits for it."""
    return [
        Started(at=0.0, worker="tts", pid=tts, device=HOST),
        Started(at=0.0, worker="lipsync", pid=lipsync, device=HOST),
        Granted(at=0.1, worker="tts", device=HOST, epoch=3, bytes=2 * GB),
        began(0.1, "tts"),
        Phase(at=0.2, task="job-tts", attempt=1, worker="tts", name="speaking"),
        Waiting(at=0.3, job="job", worker="lipsync", device=HOST, needs=4 * GB),
    ]


async def main(tts: int, lipsync: int) -> None:
    device = DeviceStatus.of(HOST_MEMORY, settings(HOST_MEMORY, {}))
    with RunDirectory.create() as directory, StatusFile(directory.folder, "run -o a.mp4", [device]) as file:
        for event in happenings(tts, lipsync):
            file(event)
        # The loop calls back in the order of time: the file's own timer is due before this one.
        await asyncio.sleep(INTERVAL)
        print(directory.folder, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
