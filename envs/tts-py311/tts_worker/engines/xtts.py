"""xtts: XTTS-v2, which speaks 17 languages in the voice of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Context
from shared_schema.errors import InputError, RecordingError
from shared_schema.messages import Memory, Task
from shared_schema.packages import version_with
from shared_schema.stages import SpeechOutcome, SpeechParams
from tts_worker.engines.base import TorchEngine
from tts_worker.speakers import speaker_named

if TYPE_CHECKING:
    from pathlib import Path

    from tts_worker.xtts.network import Network, Speaker

__all__ = ["XttsEngine"]

# ruff: noqa: PLC0415 - its imports take 20 s, and only a worker that speaks with it needs them

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip


class XttsEngine(TorchEngine["Network"]):
    """Voice cloning from some seconds of speech, or one of the voices that come with the weights.

    A fork of the package can do it too: subclass and say where it is installed.
    """

    name: ClassVar[str] = "xtts"
    weights: ClassVar[str] = "xtts-v2"
    packages: ClassVar[tuple[str, ...]] = ("TTS", "torch", "torchaudio", "transformers", "safetensors")
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "XTTS-v2: 17 languages in the voice of your recording; for a GPU with 4 GB"
    languages: ClassVar[tuple[str, ...]] = LANGUAGES
    # Reckoned from 1.87 GB of weights, and as much again while they are read; see performance.md. On a GPU
    # there are half copies of the language model's matrices besides (0.76 GB), its keys and values, and
    # CUDA's context.
    host: ClassVar[Memory] = Memory(peak=6_500_000_000, context=1_200_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=3_700_000_000, context=600_000_000)

    def read(self, folder: Path) -> Network:
        """Read the published layout."""
        from tts_worker.xtts.network import load

        return load(folder)

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        """Speak the text into `speech.wav` (24 kHz, mono, 16 bit) and `timings.jsonl`.

        TextError, LanguageUnknown, RecordingError, InputError for what the user gave; Cancelled.
        """
        from tts_worker import precision
        from tts_worker.languages import resolve
        from tts_worker.reading import read_aloud
        from tts_worker.xtts.generation import Settings
        from tts_worker.xtts.speaking import XttsVoice

        params = self.asked(task)
        language = resolve(params.language, context.input("text"), self.languages, self.name)
        self.to_device(context.device)
        speaker, description, advice = self._speaker(params, context)
        return read_aloud(
            context,
            XttsVoice(
                self.network,
                speaker,
                Settings.of(self.network, params.temperature),
                language,
                description,
                context,
                params.speed,
                half=precision.wanted(context),
                advice=advice,
            ),
        )

    def _speaker(self, params: SpeechParams, context: Context) -> tuple[Speaker, str, list[str]]:
        """Who speaks: as recorded, or one of the weights' own; in words; and advice on the recordings."""
        from tts_worker.xtts.profile import of_recordings

        recordings = context.inputs("voice")
        if recordings and params.speaker:
            raise InputError("Both a recording and a speaker were given.", "Give --voice or --speaker.")
        if recordings:
            context.progress("listening to the voice", 0, 1)
            speaker, advice = of_recordings(recordings, self.network)
            context.progress("listening to the voice", 1, 1)
            return speaker, "cloned from your recording", advice
        name = _chosen(self.network.speakers, params.speaker)
        return self.network.speaker(name), f"{name}, one of XTTS-v2's own", []


def _chosen(names: list[str], wanted: str) -> str:
    """The name of a speaker, in the file's own spelling; the first where none is wanted."""
    if not names:
        raise RecordingError(
            "These XTTS weights hold no voice of their own.", "Give a recording of one with --voice."
        )
    return speaker_named(wanted, names, "XTTS") if wanted else names[0]
