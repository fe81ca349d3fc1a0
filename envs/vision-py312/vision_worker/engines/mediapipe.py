"""The landmarks of a face, measured by MediaPipe's face mesh, and how fit the picture is for lip-sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.messages import Task
from shared_schema.records import write_face
from shared_schema.stages import FaceOutcome, FaceParams, Stage
from vision_worker.engines.base import FaceEngine

if TYPE_CHECKING:
    from vision_worker.search import Seen

__all__ = ["MediaPipeEngine"]


class MediaPipeEngine(FaceEngine):
    """Any picture to `face.json`, in pixels of the picture when upright."""

    name = "mediapipe"
    stage = Stage.FACE
    summary = "478 landmarks by the MediaPipe face mesh"
    needs = ("portrait",)

    def run(self, task: Task, context: Context) -> FaceOutcome:
        """Write `face.json`, with `check` also `annotated.png`.

        PhotoError for pictures that cannot be used; FaceError too, but not with `check`: then the outcome
        tells what is wrong, and `face.json` is missing where no face could be chosen.
        """
        from vision_worker.annotate import save_annotated  # noqa: PLC0415 - imports Pillow
        from vision_worker.search import find_faces  # noqa: PLC0415 - imports OpenCV and Pillow

        if not isinstance(task.params, FaceParams):
            raise InputError(f"The {self.name} engine takes face parameters.")
        seen = find_faces(self.finder, context.input("portrait"), task.params.face, context)
        refusal = seen.fitness.refusal
        if refusal is not None and not task.params.check:
            raise refusal
        if task.params.check:
            target = context.output("annotated", "annotated.png")
            save_annotated(seen.photo.pixels, seen.faces, seen.fitness, target)
        outcome = _outcome(seen, context)
        context.progress("writing", 1, 1)
        return outcome


def _outcome(seen: Seen, context: Context) -> FaceOutcome:
    """What was found; writes `face.json` where a face could be chosen."""
    fitness, photo = seen.fitness, seen.photo
    if fitness.face is None:
        nowhere = (0.0, 0.0, 0.0, 0.0)
        return FaceOutcome(nowhere, 0.0, seen.count, score=fitness.score, findings=fitness.findings)
    face = fitness.face.moved(photo.scale, 0, 0).inside(photo.width, photo.height)
    write_face(context.output("face", "face.json"), face.mesh(photo.width, photo.height))
    pose = face.pose
    return FaceOutcome(
        face.box,
        round(pose.yaw, 2),
        seen.count,
        round(pose.pitch, 2),
        round(pose.roll, 2),
        fitness.score,
        fitness.findings,
    )
