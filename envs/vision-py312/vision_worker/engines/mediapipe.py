"""The landmarks of a face, measured by MediaPipe's face mesh."""

from __future__ import annotations

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.messages import Task
from shared_schema.records import write_face
from shared_schema.stages import FaceOutcome, FaceParams, Stage
from vision_worker.engines.base import FaceEngine

__all__ = ["MediaPipeEngine"]


class MediaPipeEngine(FaceEngine):
    """Any picture to `face.json`, in pixels of the picture when upright."""

    name = "mediapipe"
    stage = Stage.FACE
    summary = "478 landmarks by the MediaPipe face mesh"
    needs = ("portrait",)

    def run(self, task: Task, context: Context) -> FaceOutcome:
        """Write `face.json`. PhotoError and FaceError for pictures that cannot be used."""
        from vision_worker.search import find_face  # noqa: PLC0415 - imports OpenCV and Pillow

        if not isinstance(task.params, FaceParams):
            raise InputError(f"The {self.name} engine takes face parameters.")
        found = find_face(self.finder, context.input("portrait"), task.params.face, context)
        width, height = found.photo.width, found.photo.height
        face = found.face.moved(found.photo.scale, 0, 0).inside(width, height)
        write_face(context.output("face", "face.json"), face.mesh(width, height))
        context.progress("writing", 1, 1)
        return FaceOutcome(face.box, round(face.yaw, 2), found.faces)
