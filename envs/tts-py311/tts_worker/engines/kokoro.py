"""kokoro: Kokoro-82M, which speaks American and British English in voices of its own, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Context, Engine
from shared_schema.errors import EngineUnavailable, InputError
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from shared_schema.weights import availability_of_weights, find

if TYPE_CHECKING:
    from tts_worker.kokoro.network import Network

__all__ = ["KokoroEngine"]

# ruff: noqa: PLC0415 - its imports make a start slow, and only a worker that speaks with it needs them

PACKAGES = ("hibari-tts", "onnxruntime", "pocketsphinx", "scipy", "numpy")

WEIGHTS = "kokoro"

BRITISH, AMERICAN = "b", "a"
"""First letters of voices."""

FIRST = {AMERICAN: "af_heart", BRITISH: "bf_emma"}
"""The voices that its authors grade best in each accent."""


class KokoroEngine(Engine):
    """American and British English in voices of its own; it cannot take on another."""

    name: ClassVar[str] = "kokoro"
    stage: ClassVar[Stage] = Stage.SPEECH
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "Kokoro-82M: American and British voices of its own, on the CPU"
    languages: ClassVar[tuple[str, ...]] = ("en", "en-us", "en-gb")
    needs: ClassVar[tuple[str, ...]] = ("text",)
    ignores: ClassVar[tuple[str, ...]] = ("voice",)
    # Measured with random weights in a graph of its sizes: 1.94 GB at the longest sentence, 0.40 GB remain.
    host: ClassVar[Memory] = Memory(peak=2_500_000_000, context=550_000_000)

    def __init__(self) -> None:
        self._network: Network | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where its packages and the weights are there."""
        installed = availability_of(PACKAGES, "tts")
        return availability_of_weights(WEIGHTS) if installed.ready else installed

    def load(self) -> None:
        """Read the weights. WeightsError where they are damaged."""
        from tts_worker.kokoro.network import load

        folder = find(WEIGHTS)
        if folder is None:
            raise EngineUnavailable(
                "The weights of Kokoro are gone.", f"Run `avatar models fetch {WEIGHTS}`."
            )
        self._network = load(folder)

    def unload(self) -> None:
        """Forget the weights."""
        self._network = None

    def run(self, task: Task, context: Context) -> SpeechOutcome:
        """Speak the text into `speech.wav` (24 kHz, mono, 16 bit) and `timings.jsonl`.

        TextError, LanguageUnknown, InputError for what the user gave; Cancelled.
        """
        from tts_worker.kokoro.speaking import KokoroVoice
        from tts_worker.languages import resolve
        from tts_worker.reading import read_aloud

        if self._network is None:
            raise EngineUnavailable("The kokoro engine is not loaded.", "Load it before a task.")
        if not isinstance(task.params, SpeechParams):
            raise TypeError(f"kokoro takes speech parameters, not {type(task.params).__name__}")
        if task.params.temperature is not None:
            raise InputError("kokoro speaks each text in one way: it has no temperature.", "Leave it out.")
        language = resolve(task.params.language, context.input("text"), self.languages, self.name)
        speaker = _chosen(list(self._network.voices), task.params.speaker, language)
        return read_aloud(
            context,
            KokoroVoice(
                self._network,
                self._network.voice(speaker),
                language,
                f"{speaker}, one of Kokoro's own",
                context,
                task.params.speed,
                british=_is_british(language, speaker),
            ),
        )


def _chosen(names: list[str], wanted: str, language: str) -> str:
    """The name of a voice as its file spells it; the best of the language's accent where none is wanted."""
    if not wanted:
        accent = BRITISH if language == "en-gb" else AMERICAN
        of_accent = [name for name in names if name.startswith(accent)]
        return FIRST[accent] if FIRST[accent] in names else (of_accent or names)[0]
    found = {name.lower(): name for name in names}.get(wanted.lower())
    if found is None:
        some = ", ".join(names[:5])
        raise InputError(f"Kokoro has no speaker {wanted!r}.", f"There are {len(names)}, among them {some}.")
    return found


def _is_british(language: str, speaker: str) -> bool:
    """Whether words are read as in Britain: by the region where one was asked for, else by the voice."""
    return language == "en-gb" or (language == "en" and speaker.startswith(BRITISH))
