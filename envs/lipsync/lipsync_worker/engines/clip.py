"""Reads a video once, for the stage that looks for a face in it: frames small enough to be written down."""

from __future__ import annotations

from typing import ClassVar

from shared_schema.engine import Availability, Context, Engine
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import ClipOutcome, ClipParams, Stage

__all__ = ["ClipEngine"]

PACKAGES = ("av", "numpy", "opencv-python-headless")
LONGEST = 960
"""Most of a side of the frames that are written, pixels: of 1920x1080 they take 1.6 MB, not 6.2."""


class ClipEngine(Engine):
    """Any video to frames (see `shared_schema.frames`) and `shots.json`."""

    name: ClassVar[str] = "clip"
    stage: ClassVar[Stage] = Stage.CLIP
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "the frames of a video and when they are shown, by FFmpeg"
    needs: ClassVar[tuple[str, ...]] = ("clip",)
    # Measured: 132 MB at 1920x1080, 363 MB at 3840x2160 in ten bits; 111 MB remain.
    host: ClassVar[Memory] = Memory(peak=600_000_000, context=160_000_000)

    @classmethod
    def availability(cls) -> Availability:
        """Ready where its packages are installed."""
        return availability_of(PACKAGES, "lipsync")

    def run(self, task: Task, context: Context) -> ClipOutcome:
        """Write `frames.npy`, `frames-2.npy` and so on, and `shots.json`.

        PhotoError for what is no video, or a damaged one; OutputError where the disk cannot hold its frames.
        """
        from lipsync_worker.clip import Clip  # noqa: PLC0415 - imports OpenCV and PyAV
        from lipsync_worker.unrolling import unroll  # noqa: PLC0415 - as above
        from shared_schema.errors import InputError  # noqa: PLC0415
        from shared_schema.records import Shots, write_shots  # noqa: PLC0415

        if not isinstance(task.params, ClipParams):
            raise InputError(f"The {self.name} engine takes clip parameters.")
        with Clip(context.input("clip"), longest=LONGEST, memory=0) as clip:
            count = unroll(clip, task.params.seconds, context)
            rate, times = clip.rate(count), clip.times[:count]
            shots = Shots(clip.width, clip.height, rate.numerator, rate.denominator, times, clip.scale)
        write_shots(context.output("shots", "shots.json"), shots)
        return ClipOutcome(
            count, float(count / rate), clip.width, clip.height, rate.numerator, rate.denominator
        )
