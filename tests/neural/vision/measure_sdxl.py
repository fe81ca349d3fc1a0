"""Run by `tests.bench.pictures` in the neural environment: SDXL with random weights, beside plain diffusers.

python tests/neural/vision/measure_sdxl.py DEVICE SIZES STEPS

SIZES is "full" or "tiny"; on a CPU the full ones are loaded only. Each figure is printed as soon as it is
known, as a line of JSON.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from diffusers import StableDiffusionXLPipeline

from shared_schema import accounts
from shared_schema.engine import Context
from shared_schema.messages import Precision, Profile, Task
from shared_schema.stages import PortraitParams, Scheduler, Stage
from tests.neural.vision import tiny_sdxl
from vision_worker.sdxl.checkpoint import Checkpoint
from vision_worker.sdxl.network import Network, load
from vision_worker.sdxl.painting import Plan, Studio
from vision_worker.sdxl.words import Words

ROUNDS = 3
WORDS = Words("an old fisherman, portrait photo", "smile")
GUIDANCE = 6.0


def main() -> None:
    """All measurements, in an order that leaves the caches as the next one wants them."""
    device, sizes, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory() as scratch:
        folder = tiny_sdxl.make(
            Path(scratch) / "sdxl", sizes=tiny_sdxl.FULL if sizes == "full" else tiny_sdxl.TINY, device=device
        )
        kind = torch.cuda.get_device_name() if device == "cuda" else "CPU"
        _tell("device", name=kind, bytes=sum(file.stat().st_size for file in folder.rglob("*")))
        _measure_loading(folder)
        if (device, sizes) == ("cpu", "full"):
            return  # a picture would take a quarter of an hour
        network = load(Checkpoint(folder, folder), torch.float16)
        network.convert("float16" if device == "cuda" else "float32")
        plain = _plain(folder, device)
        _measure_steps(network, plain, device, steps)
        _measure_moves(network, plain, device)
        del plain
        _give_back()
        _measure_memory(network, device, steps)


def _measure_loading(folder: Path) -> None:
    """Onto the host: from the disk where the system lets the cache be dropped, then from the cache."""
    checkpoint = Checkpoint(folder, folder)
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: load(checkpoint, torch.float16),
        "plain": lambda: _read(folder),
        "plain, not mapped": lambda: _read(folder, disable_mmap=True),
    }
    for name, way in ways.items():
        for temperature in ("cold", "warm"):
            if temperature == "cold":
                _forget_cached(folder)
            accounts.reset_peaks()
            seconds, peak = _seconds("cpu", way), accounts.peak_resident_bytes()
            _tell("loading", way=name, cache=temperature, seconds=seconds, peak=peak)
            _give_back()


def _measure_steps(network: Network, plain: Any, device: str, steps: int) -> None:
    """Steps a second, the three ways in turn so that all have the same neighbours; and whether seeds hold."""
    context = _context(device)
    size = network.native_side
    plan = Plan(WORDS, size, size, steps, GUIDANCE, Scheduler.EULER)
    watched = Studio(
        network, Plan(WORDS, size, size, steps, GUIDANCE, Scheduler.EULER, preview=True), context
    )
    ours = Studio(network, plan, context)
    _seconds(device, lambda: ours.draw(0, "warm"))
    ways: dict[str, Callable[[int], Any]] = {
        "ours": lambda seed: ours.draw(seed, "drawing"),
        "ours, with previews": lambda seed: watched.draw(seed, "drawing"),
        "plain": lambda seed: _draw(plain, size, steps, seed),
    }
    drawn: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(ROUNDS):
        for name, way in ways.items():
            drawn[name].append(_seconds(device, functools.partial(way, seed)))
    for name, seconds in drawn.items():
        _tell("picture", way=name, steps=steps, seconds=statistics.median(seconds), all=seconds)
    latents = _seconds(device, lambda: _draw(plain, size, steps, 1, output_type="latent"))
    _tell("latents", way="plain", steps=steps, seconds=latents)
    first = ours.draw(7, "drawing")
    network.leave()
    again = Studio(network, plan, context).draw(7, "drawing")
    _tell("same picture after it left the device", same=bool((first == again).all()))


def _measure_moves(network: Network, plain: Any, device: str) -> None:
    """To the device and back; nothing to see on a CPU."""
    if device == "cpu":
        return
    for number in range(ROUNDS):
        leave = _seconds(device, network.leave)
        there = _seconds(device, lambda: _bring(network, device))
        _tell("move", way="ours", round=number, there=there, back=leave, bytes=network.bytes)
    network.leave()
    for number in range(ROUNDS):
        back = _seconds(device, lambda: plain.to("cpu"))
        there = _seconds(device, lambda: plain.to(device))
        _tell("move", way="plain", round=number, there=there, back=back)


def _measure_memory(network: Network, device: str, steps: int) -> None:
    """The most that a picture takes on the device, by profile, and what stays when the nets have left."""
    if device == "cpu":
        return
    size = network.native_side
    plan = Plan(WORDS, size, size, steps, GUIDANCE, Scheduler.EULER)
    for name, profile in {
        "24": Profile("24", Precision.FP16),
        "12": Profile("12", Precision.FP16, tiling=True),
        "8": Profile("8", Precision.FP16, tiling=True, by_parts=True),
    }.items():
        network.leave()
        _give_back()
        torch.cuda.reset_peak_memory_stats()
        context = _context(device, profile)
        once = functools.partial(_draw_once, network, plan, context)
        seconds = [_seconds(device, once) for _ in range(2)]
        _tell(
            "memory",
            profile=name,
            seconds=seconds[-1],
            allocated=torch.cuda.max_memory_allocated(),
            reserved=torch.cuda.max_memory_reserved(),
            process=_held(),
        )
    network.leave()
    _give_back()
    _tell("memory", profile="left", process=_held())


def _draw_once(network: Network, plan: Plan, context: Context) -> None:
    Studio(network, plan, context).draw(1, "drawing")


def _bring(network: Network, device: str) -> None:
    for part in network.parts:
        network.use(part, device, alone=False)


def _plain(folder: Path, device: str) -> Any:
    pipeline = _read(folder)
    if device == "cpu":
        pipeline.to(torch.float32)
    pipeline.vae.to(torch.float32)  # as both do: this VAE overflows in fp16
    _tell("first move", way="plain", seconds=_seconds(device, lambda: pipeline.to(device)))
    pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _read(folder: Path, **options: Any) -> Any:
    return StableDiffusionXLPipeline.from_pretrained(
        folder, variant="fp16", dtype=torch.float16, use_safetensors=True, **options
    )


def _draw(pipeline: Any, size: int, steps: int, seed: int, **options: Any) -> Any:
    return pipeline(
        prompt=WORDS.prompt,
        negative_prompt=WORDS.negative,
        width=size,
        height=size,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        generator=torch.Generator("cpu").manual_seed(seed),
        **options,
    ).images


def _context(device: str, profile: Profile | None = None) -> Context:
    task = Task("bench", 1, Stage.PORTRAIT, "sdxl", tempfile.gettempdir(), {}, PortraitParams())
    return Context(task, device=device, profile=profile or Profile("24", Precision.FP16))


def _seconds(device: str, work: Callable[[], Any]) -> float:
    with _finished(device):
        began = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began


@contextmanager
def _finished(device: str) -> Iterator[None]:
    if device == "cuda":
        torch.cuda.synchronize()
    yield


def _held() -> int:
    """Bytes that this process holds of the device, its CUDA context included, as the driver counts them."""
    free, total = torch.cuda.mem_get_info()
    return total - free


def _forget_cached(folder: Path) -> None:
    os.sync()
    for path in folder.rglob("*.safetensors"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _tell(what: str, **figures: Any) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


if __name__ == "__main__":
    main()
