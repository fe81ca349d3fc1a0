"""The devices that a command's workers may use, as this machine and its variables have it."""

from __future__ import annotations

import os

from orchestrator.gpu.arbiter import Leased, Placement
from orchestrator.gpu.find import devices
from orchestrator.gpu.profiles import settings

__all__ = ["placement"]


def placement() -> Placement:
    """Each device with its meter and how it is used. Raises what `devices` and `settings` raise."""
    return Placement(
        [
            Leased(device, meter, settings(device, os.environ, sees_processes=meter.sees_processes))
            for device, meter in devices(os.environ)
        ]
    )
