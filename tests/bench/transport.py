"""A small message to a worker and back, beside bare pyzmq REQ/REP between two processes, in one run."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import zmq

from orchestrator.process import Launch, Lifeline, WorkerProcess
from orchestrator.rundir import RunDirectory
from orchestrator.transport import Transport
from shared_schema import SCHEMA_VERSION
from shared_schema.messages import Ping, Welcome
from tests.bench.measure import ROOT, median, say

TURNS, ROUNDS = 5, 2000
FAKE = ROOT / "tests/support/fake_worker.py"


def main() -> None:
    """Ours and the bare one, in turn; the middle of the turns' medians."""
    turns = []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            turns.append((asyncio.run(_ours(Path(folder))), _bare(f"ipc://{folder}/bare")))
    ours, bare = (median(list(times)) for times in zip(*turns, strict=True))
    say("Ping to Pong: msgpack, types, asyncio", f"{ours * 1e6:.0f} µs")
    say("bare REQ/REP of 8 bytes", f"{bare * 1e6:.0f} µs")
    say("ratio", f"{ours / bare:.1f}")


async def _ours(folder: Path) -> float:
    lifeline = Lifeline()
    with RunDirectory(folder / "r") as directory:
        transport = Transport(directory.endpoint)
        process = WorkerProcess(Launch("tts", (sys.executable, str(FAKE))), folder / "log")
        await process.start(transport.endpoint, lifeline)
        identity, _, _ = await transport.receive()
        await transport.send(identity, Welcome(SCHEMA_VERSION))
        times = []
        for sequence in range(ROUNDS):
            began = time.perf_counter()
            await transport.send(identity, Ping(sequence))
            await transport.receive()
            times.append(time.perf_counter() - began)
        await process.stop(0.1)
        transport.close()
    lifeline.close()
    return median(times)


def _echo(endpoint: str) -> None:
    socket = zmq.Context().socket(zmq.REP)
    socket.connect(endpoint)
    for _ in range(ROUNDS):
        socket.send(socket.recv())


def _bare(endpoint: str) -> float:
    socket = zmq.Context().socket(zmq.REQ)
    socket.bind(endpoint)
    peer = multiprocessing.get_context("spawn").Process(target=_echo, args=(endpoint,))
    peer.start()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        socket.send(b"8 bytes.")
        socket.recv()
        times.append(time.perf_counter() - began)
    peer.join()
    socket.close()
    return median(times)
