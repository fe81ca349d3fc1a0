"""hibari: a small English voice that comes inside its wheel, matched to a recording where one is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Context
from shared_schema.errors import InputError
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import SpeechOutcome
from tts_worker.engines.base import SpeechEngine
from tts_worker.languages import resolve

if TYPE_CHECKING:
    from tts_worker.speaker import Speaker

__all__ = ["HibariEngine"]

PACKAGES = ("hibari-tts", "onnxruntime", "scipy", "soundfile", "av", "numpy")


class HibariEngine(SpeechEngine):
    """American English in one female voice, and in others by matching.

    Its wheel also holds British word lists, but only an American voice, which never learnt their vowels.
    """

    name: ClassVar[str] = "hibari"
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "small English voice on the CPU, matched to your recording in pitch and timbre"
    languages: ClassVar[tuple[str, ...]] = ("en", "en-us")
    # Measured: 245 MB, with a recording of ten minutes 355 MB; 138 MB remain.
    host: ClassVar[Memory] = Memory(peak=450_000_000, context=210_000_000)

    def __init__(self) -> None:
        self._speaker: Speaker | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where its packages are installed: they hold all that it needs."""
        return availability_of(PACKAGES, "tts")

    def load(self) -> None:
        """Load the model, the word lists and the tagger."""
        from tts_worker.sessions import threads  # noqa: PLC0415 - imports what makes a start slow
        from tts_worker.speaker import Speaker  # noqa: PLC0415 - as above

        self._speaker = Speaker(threads=threads())

    def unload(self) -> None:
        """Forget the model."""
        self._speaker = None

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        """Speak the text into `speech.wav` (24 kHz, mono, 16 bit) and `timings.jsonl`.

        TextError, LanguageUnknown, RecordingError for what the user gave; Cancelled.
        """
        params = self.asked(task)
        if self._speaker is None:
            raise self.not_loaded()
        if params.speaker:
            raise InputError(
                f"hibari has one voice and knows no speaker {params.speaker!r}.",
                "Leave --speaker out, or give a recording with --voice.",
            )
        if params.temperature is not None:
            raise InputError("hibari speaks each text in one way: it has no temperature.", "Leave it out.")
        language = resolve(params.language, context.input("text"), self.languages, self.name)
        return self._speaker.speak(context, params.speed, language)
