"""bark: Suno's Bark, which speaks 13 languages in voices of its own, freely: it breathes, laughs, sighs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.messages import Memory, Task
from shared_schema.packages import version_with
from shared_schema.stages import SpeechOutcome
from tts_worker.engines.base import TorchEngine

if TYPE_CHECKING:
    from pathlib import Path

    from tts_worker.bark.network import Network
    from tts_worker.bark.presets import History

__all__ = ["BarkEngine"]

# ruff: noqa: PLC0415 - its imports take seconds, and only a worker that speaks with it needs them

LANGUAGES = ("en", "zh-cn", "fr", "de", "hi", "it", "ja", "ko", "pl", "pt", "ru", "es", "tr")


class BarkEngine(TorchEngine["Network"]):
    """A language model of sound with ten voices a language. It cannot take on that of a recording."""

    name: ClassVar[str] = "bark"
    weights: ClassVar[str] = "bark"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "Bark: 13 languages in voices of its own, lively; for a GPU with 8 GB"
    languages: ClassVar[tuple[str, ...]] = LANGUAGES
    ignores: ClassVar[tuple[str, ...]] = ("voice",)
    # 1.11e9 parameters, 4.52 GB with their masks and codebooks, and as much again while they are read: with
    # random weights of the published sizes 9.7 GB were measured on a CPU.
    host: ClassVar[Memory] = Memory(peak=12_000_000_000, context=1_200_000_000)
    # Reckoned, not measured: the weights, half copies of the largest stage's (0.62 GB), its keys and values
    # (0.2 GB), the attention over 1024 codes (0.3 GB), the decoder over 15 s of sound, and CUDA's context.
    gpu: ClassVar[Memory | None] = Memory(peak=7_200_000_000, context=600_000_000)

    def read(self, folder: Path) -> Network:
        """Read the published layout."""
        from tts_worker.bark.network import load

        return load(folder)

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        """Speak the text into `speech.wav` (24 kHz, mono, 16 bit) and `timings.jsonl`.

        `temperature` is that of the stage that decides what is said and how; those that make sound of it
        keep the checkpoint's, as others spoil the voice. TextError, LanguageUnknown, InputError for what the
        user gave; Cancelled.
        """
        from tts_worker import precision
        from tts_worker.bark.speaking import BarkVoice
        from tts_worker.languages import resolve
        from tts_worker.reading import read_aloud

        params = self.asked(task)
        if params.speed != 1.0:
            raise InputError(
                "bark speaks at one speed.",
                "Leave --speed out, or choose another engine: xtts, kokoro or hibari.",
            )
        language = resolve(params.language, context.input("text"), self.languages, self.name)
        history, description = self._speaker(params.speaker, language)
        self.to_device(context.device)
        voice = BarkVoice(
            self.network,
            history,
            language,
            description,
            context,
            params.temperature,
            precision.wanted(context),
        )
        return read_aloud(context, voice)

    def _speaker(self, wanted: str, language: str) -> tuple[History | None, str]:
        """Who speaks, and in words; None where Bark chooses."""
        from tts_worker.bark.presets import chosen, names, read

        name = chosen(names(self.network.folder), wanted, language)
        if not name:
            return None, "a voice of its own choosing, another for each seed"
        return read(self.network, name), f"{name}, one of Bark's own"
