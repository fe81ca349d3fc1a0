"""What the speech engines of this worker share: what they are asked, and weights that come and go.

SpeechEngine       text in, a voice out
└─ TorchEngine     its weights were fetched; its nets are torch modules, and move to a GPU and back
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from shared_schema.engine import Engine
from shared_schema.fetched import FetchedEngine
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage

if TYPE_CHECKING:
    from shared_schema.residence import Residence

__all__ = ["SpeechEngine", "TorchEngine"]


class SpeechEngine(Engine):
    """Base of all engines here."""

    stage: ClassVar[Stage] = Stage.SPEECH
    needs: ClassVar[tuple[str, ...]] = ("text",)

    def asked(self, task: Task) -> SpeechParams:
        """What a task asks for."""
        if not isinstance(task.params, SpeechParams):
            raise TypeError(f"{self.name} takes speech parameters, not {type(task.params).__name__}")
        return task.params


class _OfTorch(Protocol):
    @property
    def model(self) -> Any: ...


Nets = TypeVar("Nets", bound=_OfTorch)


class TorchEngine(SpeechEngine, FetchedEngine[Nets]):
    """Base of engines whose `network.model` is a torch module."""

    environment: ClassVar[str] = "tts"
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
