"""Events of a job that never was: for tests of whoever listens to events."""

from __future__ import annotations

from orchestrator.gpu.device import Device
from orchestrator.gpu.events import (
    Ended,
    Event,
    Freed,
    Granted,
    HandedOver,
    Phase,
    Started,
    TaskBegan,
    TaskEnded,
    Waiting,
)

GPU = Device("GPU-1", "Test GPU", 24_000_000_000, 20_000_000_000, (8, 6))
GB = 1_000_000_000


def began(at: float, worker: str, attempt: int = 1, job: str = "job") -> TaskBegan:
    return TaskBegan(
        at=at,
        job=job,
        task=f"{job}-{worker}",
        attempt=attempt,
        stage=worker,
        worker=worker,
        engine="neural",
    )


def handed_over() -> list[Event]:
    """Speech owns the GPU, lets go of 6.9 GB, and lip-sync takes it over; both are done."""
    return [
        Started(at=0.1, worker="tts", pid=11, device="GPU-1"),
        Started(at=0.2, worker="lipsync", pid=12, device="GPU-1"),
        Waiting(at=0.3, job="job", worker="tts", device="GPU-1", needs=7 * GB),
        Granted(at=0.3, worker="tts", device="GPU-1", epoch=1, bytes=7 * GB),
        began(0.3, "tts"),
        Phase(at=0.4, task="job-tts", attempt=1, worker="tts", name="loading"),
        Waiting(at=0.5, job="job", worker="lipsync", device="GPU-1", needs=8 * GB),
        Phase(at=1.0, task="job-tts", attempt=1, worker="tts", name="speaking"),
        TaskEnded(at=2.0, task="job-tts", attempt=1, worker="tts", host_peak=GB, gpu_peak=7 * GB),
        Freed(
            at=2.4,
            worker="tts",
            device="GPU-1",
            epoch=1,
            mode="offload",
            before=7 * GB,
            after=GB // 10,
            said_s=0.3,
            seconds=0.4,
        ),
        Granted(at=2.4, worker="lipsync", device="GPU-1", epoch=1, bytes=8 * GB),
        HandedOver(
            at=2.4, device="GPU-1", source="tts", target="lipsync", seconds=0.4, bytes=7 * GB - GB // 10
        ),
        began(2.4, "lipsync"),
        Phase(at=2.5, task="job-lipsync", attempt=1, worker="lipsync", name="drawing"),
        TaskEnded(at=4.0, task="job-lipsync", attempt=1, worker="lipsync", gpu_peak=8 * GB),
        Ended(at=4.1, worker="tts", pid=11),
        Ended(at=4.1, worker="lipsync", pid=12),
    ]


def crashed() -> list[Event]:
    """Lip-sync dies in the middle of drawing, is replaced, and is in the middle again when all is cut off."""
    return [
        Started(at=0.1, worker="lipsync", pid=12, device="GPU-1"),
        Waiting(at=0.2, job="job", worker="lipsync", device="GPU-1", needs=8 * GB),
        Granted(at=0.3, worker="lipsync", device="GPU-1", epoch=1, bytes=8 * GB),
        began(0.3, "lipsync"),
        Phase(at=0.5, task="job-lipsync", attempt=1, worker="lipsync", name="drawing"),
        Ended(at=1.5, worker="lipsync", pid=12, why="It was ended by SIGSEGV while drawing."),
        TaskEnded(at=1.5, task="job-lipsync", attempt=1, worker="lipsync", failure="worker-crashed"),
        Freed(
            at=1.9,
            worker="lipsync",
            device="GPU-1",
            epoch=1,
            mode="ended",
            before=6 * GB,
            after=0,
            said_s=0.0,
            seconds=0.4,
        ),
        Started(at=3.0, worker="lipsync", pid=13, device="GPU-1"),
        Granted(at=3.1, worker="lipsync", device="GPU-1", epoch=2, bytes=8 * GB),
        began(3.1, "lipsync", attempt=2),
        Phase(at=3.3, task="job-lipsync", attempt=2, worker="lipsync", name="drawing"),
        Phase(at=4.5, task="job-lipsync", attempt=2, worker="lipsync", name="encoding"),
    ]
