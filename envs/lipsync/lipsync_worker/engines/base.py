"""What the neural engines of this worker share: voice and footage in, a video with a new mouth out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Context, Engine
from shared_schema.errors import InputError
from shared_schema.messages import Task
from shared_schema.stages import LipsyncOutcome, LipsyncParams, Stage

if TYPE_CHECKING:
    from lipsync_worker.arrays import Floats
    from lipsync_worker.dubbing import Dubber, References
    from lipsync_worker.footage import BoxOf
    from lipsync_worker.hearing import Ears
    from lipsync_worker.paste import Parser
    from lipsync_worker.voice import Voice

__all__ = ["NeuralEngine"]

# ruff: noqa: PLC0415 - heavy; imported only where a task needs it


class NeuralEngine(Engine):
    """Base of engines whose network paints the mouth of each frame anew."""

    stage: ClassVar[Stage] = Stage.LIPSYNC
    needs: ClassVar[tuple[str, ...]] = ("portrait|clip", "face|track", "speech")
    streams: ClassVar[bool] = True

    @abstractmethod
    def prepare(self, params: LipsyncParams, context: Context) -> None:
        """Bring the network to the device, in the format that the task computes in."""

    @abstractmethod
    def box_of(self, params: LipsyncParams) -> BoxOf:
        """Where the network wants to look."""

    @abstractmethod
    def ears(self, params: LipsyncParams, rate: Fraction, *, live: bool) -> Ears:
        """What it hears of a voice, a frame at a time."""

    @abstractmethod
    def at_work(self, task: Task, params: LipsyncParams, context: Context) -> tuple[Dubber, References]:
        """The network, ready for one task, and what it knows of the task's faces."""

    def parser(self, _params: LipsyncParams, _context: Context) -> Parser | None:
        """What finds the part of a face that is replaced; None leaves that to the landmarks."""
        return None

    def done(self, references: References) -> None:
        """A task is done; what was learnt of its faces may be kept."""

    def run(self, task: Task, context: Context) -> LipsyncOutcome:
        """Write `video.mp4`, or send it in fragments.

        Memory does not grow with the length of the speech. Raises PhotoError, FaceError, RecordingError for
        inputs that cannot be used, OutputError where the video cannot be written, Cancelled.
        """
        from lipsync_worker.dubbing import Finish, Session, dub
        from lipsync_worker.encoder import VideoWriter, video_sink
        from lipsync_worker.hearing import frames_in
        from lipsync_worker.inputs import asked_rate, open_footage, open_voice

        params = task.params
        if not isinstance(params, LipsyncParams):
            raise InputError(f"The {self.name} engine takes lipsync parameters.")
        rate = asked_rate(params)
        context.progress("listening", 0)
        voice = open_voice(task, context)
        self.prepare(params, context)
        with closing(open_footage(params, task.seed, self.box_of(params), context)) as footage:
            finish = Finish.of(params.dubbing, self.parser(params, context))
            session = Session(footage, *self.at_work(task, params, context), finish)
            contexts = self._heard(voice, rate, params, context)
            total = 0 if voice.seconds is None else frames_in(round(voice.seconds * 16_000), rate)
            sink = video_sink(params, context)
            with VideoWriter(sink, footage.size, rate, voice, device=context.device) as writer:
                made = dub(session, contexts, writer.write, context, total=total)
        self.done(session.references)
        width, height = footage.size
        return LipsyncOutcome(made.frames, float(made.frames / rate), width, height, "sound", made.untouched)

    def _heard(
        self, voice: Voice, rate: Fraction, params: LipsyncParams, context: Context
    ) -> Iterator[Floats | None]:
        """What the network hears, a frame at a time."""
        from lipsync_worker.gate import gate_of
        from lipsync_worker.hearing import hear

        gated = params.dubbing.gate and not params.dubbing.compat
        gate = gate_of(voice, rate, context.check) if gated else None
        return hear(voice.listen(), self.ears(params, rate, live=voice.seconds is None), gate, rate)
