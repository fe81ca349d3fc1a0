"""What the speech engines of this worker share: what they are asked, and weights that come and go.

SpeechEngine        text in, a voice out
└─ FetchedEngine    its weights were brought by `avatar models`
└─ TorchEngine   its nets are torch modules, and move to a GPU and back
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from shared_schema.engine import Availability, Engine
from shared_schema.errors import EngineUnavailable
from shared_schema.messages import Task
from shared_schema.packages import availability_of
from shared_schema.stages import SpeechParams, Stage
from shared_schema.weights import availability_of_weights, find

if TYPE_CHECKING:
    from shared_schema.residence import Residence

__all__ = ["FetchedEngine", "SpeechEngine", "TorchEngine"]


class SpeechEngine(Engine):
    """Base of all engines here."""

    stage: ClassVar[Stage] = Stage.SPEECH
    needs: ClassVar[tuple[str, ...]] = ("text",)

    def asked(self, task: Task) -> SpeechParams:
        """What a task asks for."""
        if not isinstance(task.params, SpeechParams):
            raise TypeError(f"{self.name} takes speech parameters, not {type(task.params).__name__}")
        return task.params

    def not_loaded(self) -> EngineUnavailable:
        """The error for a task that comes before `load`."""
        return EngineUnavailable(f"The {self.name} engine is not loaded.", "Load it before a task.")


Network = TypeVar("Network")


class FetchedEngine(SpeechEngine, Generic[Network]):
    """Base of engines whose weights are fetched: the model `weights` of the manifest.

    `packages` must be installed in `environment`; `option` is what its `sync` needs to bring them.
    """

    weights: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    environment: ClassVar[str] = "tts"
    option: ClassVar[str] = ""

    def __init__(self) -> None:
        self._loaded: Network | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where packages and weights are there, and the licence, if it asks for that, was accepted."""
        installed = availability_of(cls.packages, cls.environment, cls.option)
        return availability_of_weights(cls.weights) if installed.ready else installed

    @property
    def network(self) -> Network:
        """What was loaded. EngineUnavailable where nothing was."""
        if self._loaded is None:
            raise self.not_loaded()
        return self._loaded

    def load(self) -> None:
        """Read the weights onto the host. EngineUnavailable where they are gone, WeightsError if damaged."""
        folder = find(self.weights)
        if folder is None:
            raise EngineUnavailable(
                f"The weights {self.weights} are gone.", f"Run `avatar models fetch {self.weights}`."
            )
        self._loaded = self.read(folder)

    @abstractmethod
    def read(self, folder: Path) -> Network:
        """Read the weights in a folder. WeightsError where they are damaged or do not fit."""

    def unload(self) -> None:
        """Forget the weights."""
        self._loaded = None


class _OfTorch(Protocol):
    @property
    def model(self) -> Any: ...


Nets = TypeVar("Nets", bound=_OfTorch)


class TorchEngine(FetchedEngine[Nets]):
    """Base of engines whose `network.model` is a torch module."""

    option: ClassVar[str] = "--neural"

    def __init__(self) -> None:
        super().__init__()
        self._residence: Residence | None = None

    def load(self) -> None:
        """Read the weights onto the host, in one piece, so that they move in one copy."""
        from shared_schema.residence import Residence  # noqa: PLC0415 - needs torch

        super().load()
        self._residence = Residence([self.network.model])

    def to_device(self, device: str) -> None:
        """Have the nets compute there."""
        if self._residence is None:
            raise self.not_loaded()
        self._residence.to_device(device)

    def offload(self) -> None:
        """Leave the device."""
        if self._residence is not None:
            self._residence.to_host()

    def unload(self) -> None:
        """Forget the weights, wherever they are."""
        if self._residence is not None:
            self._residence.drop()
        self._residence = None
        super().unload()
