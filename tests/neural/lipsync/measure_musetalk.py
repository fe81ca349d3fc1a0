"""Run by `tests.bench.lips` in the neural environment: MuseTalk with random weights, beside a plain loop.

python tests/neural/lipsync/measure_musetalk.py DEVICE SIZES

SIZES is "full" or "tiny". The plain loop is what the published code does with the same nets: a batch of 8, no
recording, each picture fetched before the next batch. Each figure is printed as soon as it is known,
as a line of JSON.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

import cv2
from transformers import WhisperFeatureExtractor

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.dubbing import Finish, Session, dub
from lipsync_worker.encoder import VideoWriter
from lipsync_worker.face_box import musetalk_box
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.footage import Still
from lipsync_worker.hearing import hear
from lipsync_worker.musetalk.audio import WhisperEars
from lipsync_worker.musetalk.generator import SIDE, Generator
from lipsync_worker.musetalk.latents import Latents
from lipsync_worker.musetalk.model import Folders, Network
from lipsync_worker.paste import Paster
from lipsync_worker.voice import FileVoice
from shared_schema import accounts
from shared_schema.engine import Context
from shared_schema.messages import Task
from shared_schema.records import read_face
from shared_schema.stages import Dubbing, LipsyncParams, Mask, Stage
from tests.neural.lipsync import tiny_musetalk
from tests.support.random_weights import fill
from tests.support.tone import write_tone

ROOT = Path(__file__).parents[3]
PORTRAIT = ROOT / "envs/vision-py312/vision_worker/samples/portrait.png"
FACE = ROOT / "tests/workers/lipsync/data/face.json"
TFLOP_A_FRAME = 0.7896
"""Of full size: the UNet's 169.6 GFLOP and the decoder's 620.0."""

PLAIN_BATCH = 8


def main() -> None:
    """All measurements, the cheap ones first."""
    device, sizes = sys.argv[1], sys.argv[2]
    torch.manual_seed(0)
    kind = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    network, seconds = _timed("cpu", lambda: _network(device, sizes))
    _tell("device", name=kind, sizes=sizes, bytes=network.bytes, seconds=seconds)
    network.use(device)
    batches = (1, 4, 8, 16, 32, 64) if device == "cuda" else (1, 2) if sizes == "full" else (1, 8)
    _measure_parts(network, device)
    _measure_batches(network, device, batches)
    _measure_plain(network, device, min(PLAIN_BATCH, batches[-1]))
    with tempfile.TemporaryDirectory() as scratch:
        frames = 2 if (device, sizes) == ("cpu", "full") else 250
        _measure_whole(network, device, Path(scratch), frames, batches[-1] if device == "cpu" else 16)
    if device == "cuda":
        _measure_peak(device)
        _measure_moves(network, device)


def _network(device: str, sizes: str) -> Network:
    """The nets with random weights, in the format that the device computes in."""
    chosen = tiny_musetalk.FULL if sizes == "full" else tiny_musetalk.TINY
    nets = tiny_musetalk.nets(chosen)
    for number, net in enumerate(nets):
        net.load_state_dict(fill(net.state_dict(), number, half=device == "cuda", device=device), assign=True)
        net.eval().requires_grad_(requires_grad=False)
    nowhere = Path()
    return Network(Folders("v1.5", nowhere, nowhere, nowhere), *nets, WhisperFeatureExtractor())


def _measure_parts(network: Network, device: str) -> None:
    """Seconds a frame of each net, one frame at a time."""
    generator = Generator(network, batch=1)
    latents = torch.zeros(1, 8, 32, 32, device=network.device, dtype=network.dtype)
    sounds = torch.zeros(1, 50, 384, device=network.device, dtype=network.dtype)
    crop = np.zeros((SIDE, SIDE, 3), np.uint8)
    ears = WhisperEars(network, Fraction(25))
    parts: dict[str, Callable[[], Any]] = {
        "unet": lambda: generator.predict(latents, sounds),
        "decoder": lambda: generator.decode(latents[:, :4]),
        "encoder, twice, once a portrait": lambda: generator.refer(crop),
        "whisper, 30 s of sound": lambda: ears.silent,
    }
    for name, part in parts.items():
        _tell("part", name=name, seconds=_median(device, part))


def _measure_batches(network: Network, device: str, batches: tuple[int, ...]) -> None:
    """Frames a second of the nets alone, pictures in host memory at the end."""
    crop = np.zeros((SIDE, SIDE, 3), np.uint8)
    for batch in batches:
        generator = Generator(network, batch=batch)
        reference = generator.refer(crop)
        contexts = np.zeros((batch, 50, 384), np.float32)
        accounts.reset_peaks()

        def work(
            generator: Generator = generator, reference: torch.Tensor = reference, sounds: Any = contexts
        ) -> None:
            made = [faces for _ in range(4) for faces in generator.render([reference] * len(sounds), sounds)]
            for faces in made:
                faces.pictures()

        rounds = 1 if device == "cpu" else 5
        seconds = _median(device, work, rounds) / (4 * batch)
        _tell("batch", size=batch, fps=1 / seconds, seconds=seconds, peak=accounts.peak_gpu_bytes())
        generator.give_back()


def _measure_plain(network: Network, device: str, batch: int) -> None:
    """The published loop over the same nets: wait for each batch, fetch it, convert it one by one."""
    generator = Generator(network, batch=batch)
    reference = generator.refer(np.zeros((SIDE, SIDE, 3), np.uint8))
    contexts = torch.zeros(batch, 50, 384)

    @torch.inference_mode()
    def work() -> None:
        latents = torch.stack([reference] * batch)
        decoded = generator.decode(generator.predict(latents, contexts.to(network.device, network.dtype)))
        pictures = decoded.permute(0, 2, 3, 1).float().cpu().numpy()
        for one in (pictures * 255).round().astype("uint8")[..., ::-1]:
            np.ascontiguousarray(one)

    seconds = _median(device, work, 1 if device == "cpu" else 5) / batch
    _tell("plain loop", size=batch, fps=1 / seconds, seconds=seconds)


def _measure_whole(network: Network, device: str, folder: Path, frames: int, batch: int) -> None:
    """A video from the sample portrait: seconds to the first fragment, frames a second."""
    voice = FileVoice(write_tone(folder / "speech.wav", frames / 25), lambda: None)
    photo = cv2.imread(str(PORTRAIT))
    assert photo is not None
    params = LipsyncParams(stream=True)
    footage = Still(
        np.asarray(photo, np.uint8),
        FaceFrame.of(read_face(FACE)),
        params,
        0,
        lambda p, s: musetalk_box(p, s, "v1.5"),
    )
    generator = Generator(network, batch=batch)
    task = Task("bench", 1, Stage.LIPSYNC, "musetalk", str(folder), {}, params)
    began = time.perf_counter()
    sent: list[float] = []

    def send(_data: bytes) -> None:
        sent.append(time.perf_counter() - began)

    contexts = hear(voice.listen(), WhisperEars(network, Fraction(25)), None, Fraction(25))
    session = Session(footage, generator, Latents(None, network.device), Finish.of(Dubbing()))
    with VideoWriter(send, footage.size, Fraction(25), voice, device=device) as writer:
        made = dub(session, contexts, writer.write, Context(task, device=device), total=frames)
    seconds = time.perf_counter() - began
    _tell("video", frames=made.frames, fps=made.frames / seconds, first_fragment=sent[0])
    _measure_host(np.asarray(photo, np.uint8), footage, batch)


def _measure_host(photo: Picture, footage: Still, frames: int) -> None:
    """What the host does for each frame beside the nets."""
    shot = footage.shot(0)
    assert shot.points is not None
    assert shot.box is not None
    points, box = shot.points, shot.box
    finish = Finish.of(Dubbing())
    assert finish.matcher is not None
    crop = picture(cv2.resize(box.of(shot.picture), (SIDE, SIDE), interpolation=cv2.INTER_LANCZOS4))
    paster, canvas, matcher = Paster(Mask.LANDMARKS), photo.copy(), finish.matcher
    numbers: Iterator[int] = iter(range(10**9))
    parts: dict[str, Callable[[], Any]] = {
        "match": lambda: matcher.face(crop, crop, box, scene=0),
        "paste": lambda: paster.paste(canvas, points, box, crop),
        "life and paste": lambda: footage.dubbed(
            next(numbers), shot, lambda place: paster.paste(place, points, box, crop)
        ),
    }
    for name, part in parts.items():
        _tell("host", name=name, seconds=_median("cpu", part, 30))


def _measure_peak(device: str) -> None:
    """What this device reaches in one large product of matrices in fp16, and the frames that it would be."""
    side = 8192
    a, b = (torch.randn(side, side, device=device, dtype=torch.float16) for _ in range(2))
    seconds = _median(device, lambda: a @ b, 10)
    teraflops = 2 * side**3 / seconds / 1e12
    _tell("peak", teraflops=teraflops, frames_a_second_at_most=teraflops / TFLOP_A_FRAME)


def _measure_moves(network: Network, device: str) -> None:
    """To the host and back."""
    back, there = [], []
    for _ in range(3):
        back.append(_seconds(device, network.leave))
        there.append(_seconds(device, lambda: network.use(device)))
    _tell("moves", bytes=network.bytes, there=statistics.median(there), back=statistics.median(back))


def _timed(device: str, work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = work()
    _wait(device)
    return result, time.perf_counter() - began


def _seconds(device: str, work: Callable[[], Any]) -> float:
    _wait(device)
    return _timed(device, work)[1]


def _median(device: str, work: Callable[[], Any], rounds: int = 3) -> float:
    """Seconds of a call, the first one left out where there are several."""
    if rounds > 1:
        work()
    gc.collect()
    return statistics.median(_seconds(device, work) for _ in range(rounds))


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _tell(what: str, **figures: Any) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


if __name__ == "__main__":
    main()
