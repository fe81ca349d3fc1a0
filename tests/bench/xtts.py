"""XTTS at full size with random weights: loading, the first sound, codes a second, beside real time.

Needs `avatar envs sync tts --neural`. On a machine with a GPU it is measured there too.
"""

from __future__ import annotations

import json
import os

from orchestrator.environments import ENVIRONMENTS
from orchestrator.gpu.find import devices
from orchestrator.process import device_variables
from tests.bench.measure import ROOT, run, say

CODES = 100
"""Some five seconds of speech; random weights never stop by themselves."""


def main() -> None:
    """On the CPU, then on the first GPU if there is one."""
    environment = ENVIRONMENTS["tts"]
    if not environment.is_ready("neural"):
        say("xtts", "skipped: run `avatar envs sync tts --neural`")
        return
    found = [device for device, _ in devices(os.environ) if not device.is_host][:1]
    for device, uuid in (("cpu", "cpu"), *(("cuda", gpu.uuid) for gpu in found)):
        script = ROOT / "tests/neural/tts/measure_xtts.py"
        done = run([environment.python_path, script, device, CODES], None, **device_variables(uuid))
        figures = json.loads(done.output.splitlines()[-1])
        say(f"{device}: {figures['parameters']:,} parameters loaded", f"{figures['loading']:.1f} s")
        if figures["moved_bytes"]:
            say(
                f"{device}: {figures['moved_bytes'] / 1e9:.2f} GB moved to the device",
                f"{figures['moving']:.2f} s",
            )
        say(f"{device}: first sound after", f"{figures['first_piece']:.2f} s")
        say(f"{device}: codes a second, decoding included", f"{figures['codes'] / figures['whole']:.1f}")
        say(f"{device}: seconds a second of speech", f"{figures['whole'] / figures['speech']:.2f}")
        say(
            f"{device}: most memory, host and GPU",
            f"{figures['peak_rss'] / 1e9:.2f} GB, {figures['peak_gpu'] / 1e9:.2f} GB",
        )
