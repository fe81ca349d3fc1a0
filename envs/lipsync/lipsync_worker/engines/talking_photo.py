"""The embedded engine: warps the portrait's own pixels after the phonemes. Needs no weights and no GPU."""

from __future__ import annotations

from typing import ClassVar

from shared_schema.engine import Availability, Context, Engine
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import Dubbing, LipsyncOutcome, LipsyncParams, Stage

__all__ = ["TalkingPhoto"]

PACKAGES = ("av", "numpy", "opencv-python-headless")


class TalkingPhoto(Engine):
    """Landmark warp driven by phonemes, or by the sound alone where there are no timings."""

    name: ClassVar[str] = "talking-photo"
    stage: ClassVar[Stage] = Stage.LIPSYNC
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "the photo's own lips, jaw, eyelids and head, moved by the phonemes"
    needs: ClassVar[tuple[str, ...]] = ("portrait", "face", "speech")
    ignores: ClassVar[tuple[str, ...]] = ("clip",)
    # Measured: 150 MB at 512 pixels, 630 MB at 2160; 106 MB remain.
    host: ClassVar[Memory] = Memory(peak=800_000_000, context=160_000_000)

    @classmethod
    def availability(cls) -> Availability:
        """Ready where its packages are installed."""
        return availability_of(PACKAGES, "lipsync")

    def load(self) -> None:
        """Import what is heavy, so that the first task does not wait for it."""
        from lipsync_worker import animation  # noqa: F401, PLC0415 - heavy; asked for only when loaded

    def run(self, task: Task, context: Context) -> LipsyncOutcome:
        """Animate the portrait; see `animation.animate`."""
        from lipsync_worker.animation import animate  # noqa: PLC0415 - as above
        from shared_schema.errors import InputError  # noqa: PLC0415

        if not isinstance(task.params, LipsyncParams):
            raise InputError("The lipsync stage needs lipsync parameters.")
        if task.params.dubbing != Dubbing():
            raise InputError(
                "The talking photo moves its own mouth: there is none to replace, match or sharpen.",
                "Leave those options out, or name musetalk or wav2lip.",
            )
        return animate(task.params, task.seed, context)
