"""The user's own photo, framed as a portrait."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.messages import Task
from shared_schema.stages import PortraitOutcome, PortraitParams, Stage
from vision_worker.engines.base import FaceEngine

__all__ = ["PhotoEngine", "PortraitEngine"]


class PortraitEngine(FaceEngine):
    """Base of the engines that frame a picture which is already there."""

    stage = Stage.PORTRAIT
    source: ClassVar[str]
    advises: ClassVar[bool] = True
    """Whether the user could take a better picture."""

    @abstractmethod
    def picture(self, context: Context) -> Path:
        """The picture to frame."""

    def run(self, task: Task, context: Context) -> PortraitOutcome:
        """Write `portrait.png` and `face.json`. PhotoError and FaceError for pictures that cannot be used."""
        from vision_worker.portrait import make_portrait  # noqa: PLC0415 - imports OpenCV and Pillow

        if not isinstance(task.params, PortraitParams):
            raise InputError(f"The {self.name} engine takes portrait parameters.")
        return make_portrait(
            self.finder,
            self.segmenter,
            self.picture(context),
            task.params,
            context,
            source=self.source,
            advise=self.advises,
        )


class PhotoEngine(PortraitEngine):
    """The photo that the user gave."""

    name = "photo"
    summary = "your photo, framed around the face"
    needs = ("photo",)
    ignores = ("prompt", "lora")
    source = "your photo"

    def picture(self, context: Context) -> Path:
        """The task's photo."""
        return context.input("photo")
