"""Neural voices at full size with random weights: loading, the first sound, codes a second, beside real time.

Needs `avatar envs sync tts --neural`. On a machine with a GPU they are measured there too. Bark's codes are
its semantic tokens; on a CPU it takes a minute for a few.
"""

from __future__ import annotations

import json
import os
from typing import Any

from orchestrator.environments import ENVIRONMENTS
from orchestrator.gpu.find import devices
from orchestrator.process import device_variables
from tests.bench.measure import ROOT, run, say

CODES = {("xtts", "cpu"): 100, ("xtts", "cuda"): 200, ("bark", "cpu"): 50, ("bark", "cuda"): 250}
"""Some five seconds of speech, of Bark on a CPU one; random weights never stop by themselves."""


def main() -> None:
    """On the CPU, then on the first GPU if there is one."""
    environment = ENVIRONMENTS["tts"]
    if not environment.is_ready("neural"):
        say("neural voices", "skipped: run `avatar envs sync tts --neural`")
        return
    places = {"cpu": "cpu"}
    for gpu in [device for device, _ in devices(os.environ) if not device.is_host][:1]:
        places["cuda"] = gpu.uuid
    for (voice, device), codes in CODES.items():
        if device in places:
            script = ROOT / f"tests/neural/tts/measure_{voice}.py"
            command = [environment.python_path, script, device, codes]
            done = run(command, None, **device_variables(places[device]))
            _say(f"{voice}, {device}", json.loads(done.output.splitlines()[-1]))


def _say(what: str, figures: dict[str, Any]) -> None:
    say(f"{what}: {figures['parameters']:,} parameters loaded", f"{figures['loading']:.1f} s")
    if figures["moved_bytes"]:
        moved = f"{figures['moved_bytes'] / 1e9:.2f} GB moved to the device"
        say(f"{what}: {moved}", f"{figures['moving']:.2f} s")
    say(f"{what}: first sound after", f"{figures['first_piece']:.2f} s")
    if "semantic" not in figures:
        say(f"{what}: codes a second, decoding included", f"{figures['codes'] / figures['whole']:.1f}")
    else:
        stages = ", ".join(f"{figures[stage]:.2f} s" for stage in ("semantic", "acoustic", "decoding"))
        say(f"{what}: of it semantic tokens, codes, sound", stages)
    say(f"{what}: seconds a second of speech", f"{figures['whole'] / figures['speech']:.2f}")
    memory = f"{figures['peak_rss'] / 1e9:.2f} GB, {figures['peak_gpu'] / 1e9:.2f} GB"
    say(f"{what}: most memory, host and GPU", memory)
