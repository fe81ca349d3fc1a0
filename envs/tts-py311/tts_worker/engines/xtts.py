"""xtts: XTTS-v2, which speaks 17 languages in the voice of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Context, Engine
from shared_schema.errors import EngineUnavailable, InputError, RecordingError
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from shared_schema.weights import availability_of_weights, find

if TYPE_CHECKING:
    from shared_schema.residence import Residence
    from tts_worker.xtts.network import Network, Speaker

__all__ = ["XttsEngine"]

# ruff: noqa: PLC0415 - its imports take 20 s, and only a worker that speaks with it needs them

WEIGHTS = "xtts-v2"

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi",
)  # fmt: skip


class XttsEngine(Engine):
    """Voice cloning from some seconds of speech, or one of the voices that come with the weights.

    A fork of the package can do it too: subclass and say where it is installed.
    """

    name: ClassVar[str] = "xtts"
    stage: ClassVar[Stage] = Stage.SPEECH
    packages: ClassVar[tuple[str, ...]] = ("TTS", "torch", "torchaudio", "transformers", "safetensors")
    environment: ClassVar[str] = "tts"
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "XTTS-v2: 17 languages in the voice of your recording; for a GPU with 4 GB"
    languages: ClassVar[tuple[str, ...]] = LANGUAGES
    needs: ClassVar[tuple[str, ...]] = ("text",)
    # Reckoned from 1.87 GB of weights, and as much again while they are read; see performance.md. On a GPU
    # there are half copies of the language model's matrices besides (0.76 GB), its keys and values, and
    # CUDA's context.
    host: ClassVar[Memory] = Memory(peak=6_500_000_000, context=1_200_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=3_700_000_000, context=600_000_000)

    def __init__(self) -> None:
        self._network: Network | None = None
        self._weights: Residence | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where the neural packages, the weights, and the licence's acceptance are there."""
        installed = availability_of(cls.packages, cls.environment, "--neural")
        return availability_of_weights(WEIGHTS) if installed.ready else installed

    def load(self) -> None:
        """Read the weights onto the host."""
        from shared_schema.residence import Residence
        from tts_worker.xtts.network import load

        folder = find(WEIGHTS)
        if folder is None:
            raise EngineUnavailable(
                "The weights of XTTS-v2 are gone.", f"Run `avatar models fetch {WEIGHTS}`."
            )
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

        TextError, LanguageUnknown, RecordingError, InputError for what the user gave; Cancelled.
        """
        from tts_worker import precision
        from tts_worker.languages import resolve
        from tts_worker.reading import read_aloud
        from tts_worker.xtts.generation import Settings
        from tts_worker.xtts.speaking import XttsVoice

        if self._network is None or self._weights is None:
            raise EngineUnavailable("The xtts engine is not loaded.", "Load it before a task.")
        if not isinstance(task.params, SpeechParams):
            raise TypeError(f"xtts takes speech parameters, not {type(task.params).__name__}")
        language = resolve(task.params.language, context.input("text"), self.languages, self.name)
        self._weights.to_device(context.device)
        speaker, description, advice = self._speaker(task.params, context)
        return read_aloud(
            context,
            XttsVoice(
                self._network,
                speaker,
                Settings.of(self._network, task.params.temperature),
                language,
                description,
                context,
                task.params.speed,
                half=precision.wanted(context),
                advice=advice,
            ),
        )

    def _speaker(self, params: SpeechParams, context: Context) -> tuple[Speaker, str, list[str]]:
        """Who speaks: as recorded, or one of the weights' own; in words; and advice on the recordings."""
        from tts_worker.xtts.profile import of_recordings

        assert self._network is not None  # noqa: S101 - `run` has looked
        recordings = context.inputs("voice")
        if recordings and params.speaker:
            raise InputError("Both a recording and a speaker were given.", "Give --voice or --speaker.")
        if recordings:
            context.progress("listening to the voice", 0, 1)
            speaker, advice = of_recordings(recordings, self._network)
            context.progress("listening to the voice", 1, 1)
            return speaker, "cloned from your recording", advice
        name = _chosen(self._network.speakers, params.speaker)
        return self._network.speaker(name), f"{name}, one of XTTS-v2's own", []


def _chosen(names: list[str], wanted: str) -> str:
    """The name of a speaker, in the file's own spelling; the first where none is wanted."""
    if not names:
        raise RecordingError(
            "These XTTS weights hold no voice of their own.", "Give a recording of one with --voice."
        )
    found = {name.lower(): name for name in names}.get(wanted.lower()) if wanted else names[0]
    if found is None:
        some = ", ".join(names[:5])
        raise InputError(f"XTTS has no speaker {wanted!r}.", f"There are {len(names)}, among them {some}.")
    return found
