"""kokoro: Kokoro-82M, which speaks American and British English in voices of its own, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.fetched import FetchedEngine
from shared_schema.messages import Memory, Task
from shared_schema.packages import version_with
from shared_schema.stages import SpeechOutcome
from tts_worker.engines.base import SpeechEngine
from tts_worker.speakers import speaker_named

if TYPE_CHECKING:
    from pathlib import Path

    from tts_worker.kokoro.network import Network

__all__ = ["KokoroEngine"]

# ruff: noqa: PLC0415 - its imports make a start slow, and only a worker that speaks with it needs them

BRITISH, AMERICAN = "b", "a"
"""First letters of voices."""

FIRST = {AMERICAN: "af_heart", BRITISH: "bf_emma"}
"""The voices that its authors grade best in each accent."""


class KokoroEngine(SpeechEngine, FetchedEngine["Network"]):
    """American and British English in voices of its own; it cannot take on another."""

    name: ClassVar[str] = "kokoro"
    weights: ClassVar[str] = "kokoro"
    environment: ClassVar[str] = "tts"
    packages: ClassVar[tuple[str, ...]] = ("hibari-tts", "onnxruntime", "pocketsphinx", "scipy", "numpy")
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "Kokoro-82M: American and British voices of its own, on the CPU"
    languages: ClassVar[tuple[str, ...]] = ("en", "en-us", "en-gb")
    ignores: ClassVar[tuple[str, ...]] = ("voice",)
    # Measured with random weights in a graph of its sizes: 1.94 GB at the longest sentence, 0.40 GB remain.
    host: ClassVar[Memory] = Memory(peak=2_500_000_000, context=550_000_000)

    def read(self, folder: Path) -> Network:
        """Read the published layout."""
        from tts_worker.kokoro.network import load

        return load(folder)

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        """Speak the text into `speech.wav` (24 kHz, mono, 16 bit) and `timings.jsonl`.

        TextError, LanguageUnknown, InputError for what the user gave; Cancelled.
        """
        from tts_worker.kokoro.speaking import KokoroVoice
        from tts_worker.languages import resolve
        from tts_worker.reading import read_aloud

        params = self.asked(task)
        if params.temperature is not None:
            raise InputError("kokoro speaks each text in one way: it has no temperature.", "Leave it out.")
        language = resolve(params.language, context.input("text"), self.languages, self.name)
        speaker = _chosen(list(self.network.voices), params.speaker, language)
        return read_aloud(
            context,
            KokoroVoice(
                self.network,
                self.network.voice(speaker),
                language,
                f"{speaker}, one of Kokoro's own",
                context,
                params.speed,
                british=_is_british(language, speaker),
            ),
        )


def _chosen(names: list[str], wanted: str, language: str) -> str:
    """The name of a voice as its file spells it; the best of the language's accent where none is wanted."""
    if not wanted:
        accent = BRITISH if language == "en-gb" else AMERICAN
        of_accent = [name for name in names if name.startswith(accent)]
        return FIRST[accent] if FIRST[accent] in names else (of_accent or names)[0]
    return speaker_named(wanted, names, "Kokoro")


def _is_british(language: str, speaker: str) -> bool:
    """Whether words are read as in Britain: by the region where one was asked for, else by the voice."""
    return language == "en-gb" or (language == "en" and speaker.startswith(BRITISH))
