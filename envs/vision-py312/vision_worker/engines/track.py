"""The landmarks of a face followed through the frames of a video, measured by MediaPipe's face mesh."""

from __future__ import annotations

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.messages import Task
from shared_schema.stages import Stage, TrackOutcome, TrackParams
from vision_worker.engines.base import FaceEngine

__all__ = ["TrackEngine"]


class TrackEngine(FaceEngine):
    """Frames to `track.npz`: `shared_schema.frames` and `shared_schema.tracks` say what they are."""

    name = "mediapipe-track"
    stage = Stage.FACE
    summary = "478 landmarks in each frame of a video, by the MediaPipe face mesh"
    needs = ("frames",)

    def run(self, task: Task, context: Context) -> TrackOutcome:
        """Write `track.npz`. InputError for what are no frames, FaceError where no face can be chosen."""
        from shared_schema.frames import Frames  # noqa: PLC0415 - with what it is for
        from shared_schema.tracks import write_track  # noqa: PLC0415
        from vision_worker.tracking import track_face  # noqa: PLC0415 - imports OpenCV

        if not isinstance(task.params, TrackParams):
            raise InputError(f"The {self.name} engine takes track parameters.")
        context.input("frames")
        with Frames(context.inputs("frames")) as frames:
            track = track_face(self.finder, frames, task.params, context)
        write_track(context.output("track", "track.npz"), track)
        return TrackOutcome(len(track), sum(track.seen), track.scene[-1] + 1)
