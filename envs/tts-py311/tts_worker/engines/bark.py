"""bark: Suno's Bark, which speaks 13 languages in voices of its own, freely: it breathes, laughs, sighs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Context, Engine
from shared_schema.errors import EngineUnavailable, InputError
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from shared_schema.weights import availability_of_weights, find

if TYPE_CHECKING:
    from shared_schema.residence import Residence
    from tts_worker.bark.network import Network
    from tts_worker.bark.presets import History

__all__ = ["BarkEngine"]

# ruff: noqa: PLC0415 - its imports take seconds, and only a worker that speaks with it needs them

PACKAGES = ("torch", "transformers", "safetensors")

WEIGHTS = "bark"

LANGUAGES = ("en", "zh-cn", "fr", "de", "hi", "it", "ja", "ko", "pl", "pt", "ru", "es", "tr")


class BarkEngine(Engine):
    """A language model of sound with ten voices a language. It cannot take on that of a recording."""

    name: ClassVar[str] = "bark"
    stage: ClassVar[Stage] = Stage.SPEECH
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "Bark: 13 languages in voices of its own, lively; for a GPU with 8 GB"
    languages: ClassVar[tuple[str, ...]] = LANGUAGES
    needs: ClassVar[tuple[str, ...]] = ("text",)
    ignores: ClassVar[tuple[str, ...]] = ("voice",)
    # 1.11e9 parameters, 4.52 GB with their masks and codebooks, and as much again while they are read: with
    # random weights of the published sizes 9.7 GB were measured on a CPU.
    host: ClassVar[Memory] = Memory(peak=12_000_000_000, context=1_200_000_000)
    # Reckoned, not measured: the weights, half copies of the largest stage's (0.62 GB), its keys and values
    # (0.2 GB), the attention over 1024 codes (0.3 GB), the decoder over 15 s of sound, and CUDA's context.
    gpu: ClassVar[Memory | None] = Memory(peak=7_200_000_000, context=600_000_000)

    def __init__(self) -> None:
        self._network: Network | None = None
        self._weights: Residence | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where the neural packages and the weights are there."""
        installed = availability_of(PACKAGES, "tts", "--neural")
        return availability_of_weights(WEIGHTS) if installed.ready else installed

    def load(self) -> None:
        """Read the weights onto the host."""
        from shared_schema.residence import Residence
        from tts_worker.bark.network import load

        folder = find(WEIGHTS)
        if folder is None:
            raise EngineUnavailable("The weights of Bark are gone.", f"Run `avatar models fetch {WEIGHTS}`.")
        self._network = load(folder)
        self._weights = Residence([self._network.model])

    def offload(self) -> None:
        """Leave the device."""
        if self._weights is not None:
            self._weights.to_host()

    def unload(self) -> None:
        """Forget the weights."""
        if self._weights is not None:
            self._weights.drop()
        self._network = self._weights = None

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

        if self._network is None or self._weights is None:
            raise EngineUnavailable("The bark engine is not loaded.", "Load it before a task.")
        if not isinstance(task.params, SpeechParams):
            raise TypeError(f"bark takes speech parameters, not {type(task.params).__name__}")
        if task.params.speed != 1.0:
            raise InputError(
                "bark speaks at one speed.",
                "Leave --speed out, or choose another engine: xtts, kokoro or hibari.",
            )
        language = resolve(task.params.language, context.input("text"), self.languages, self.name)
        history, description = self._speaker(task.params.speaker, language)
        self._weights.to_device(context.device)
        voice = BarkVoice(
            self._network,
            history,
            language,
            description,
            context,
            task.params.temperature,
            precision.wanted(context),
        )
        return read_aloud(context, voice)

    def _speaker(self, wanted: str, language: str) -> tuple[History | None, str]:
        """Who speaks, and in words; None where Bark chooses."""
        from tts_worker.bark.presets import chosen, names, read

        assert self._network is not None  # noqa: S101 - `run` has looked
        name = chosen(names(self._network.folder), wanted, language)
        if not name:
            return None, "a voice of its own choosing, another for each seed"
        return read(self._network, name), f"{name}, one of Bark's own"
