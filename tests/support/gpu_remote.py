"""Does what a test asks of `orchestrator.gpu` in a process that has the stand-in driver in its library path.

One JSON list a line on stdin, [verb, arguments...]; one JSON object a line on stdout: `answer`, or the
error's class and text.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from orchestrator.gpu import nvml, suspend
from orchestrator.gpu.find import devices
from orchestrator.gpu.meter import GpuMeter
from orchestrator.gpu.profiles import settings
from shared_schema.errors import AvatarError

METERS: dict[str, GpuMeter] = {}
WARNINGS: list[str] = []


class _Ear(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        WARNINGS.append(record.getMessage())


def meter(uuid: str) -> GpuMeter:
    return METERS.setdefault(uuid, GpuMeter(uuid))


def found(environment: dict[str, str]) -> list[dict[str, Any]]:
    return [{**asdict(device), "meter": type(meter).__name__} for device, meter in devices(environment)]


def way(environment: dict[str, str]) -> str:
    return settings(devices(environment)[0][0], environment).way


VERBS: dict[str, Callable[..., Any]] = {
    "gpus": lambda: [asdict(gpu) for gpu in nvml.gpus()],
    "devices": found,
    "way": way,
    "held": lambda uuid, pid: meter(uuid).held(pid),
    "granted": lambda uuid, pid: meter(uuid).granted(pid),
    "claims": lambda uuid, pid, held: meter(uuid).claims(pid, held),
    "free": lambda uuid: meter(uuid).free(),
    "sees": lambda uuid: meter(uuid).sees_processes,
    "warnings": lambda: WARNINGS,
    "supported": suspend.supported,
    "suspend": suspend.suspend,
    "resume": suspend.resume,
}


def main() -> None:
    logging.getLogger().addHandler(_Ear())
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            reply = {"answer": VERBS[verb](*arguments)}
        except AvatarError as error:
            reply = {"error": type(error).__name__, "text": str(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
