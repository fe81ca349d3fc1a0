"""Engines whose weights `avatar models` brings: whether they are here, and reading them.

FetchedEngine       reads its weights from a folder
└─ TorchEngine      its nets are a torch module, and move to a GPU and back
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from shared_schema.engine import Availability, Engine
from shared_schema.errors import EngineUnavailable
from shared_schema.packages import availability_of
from shared_schema.weights import availability_of_weights, find

if TYPE_CHECKING:
    from shared_schema.residence import Residence

__all__ = ["FetchedEngine", "Nets", "TorchEngine", "with_weights"]

Network = TypeVar("Network")


def with_weights(installed: Availability, *weights: str) -> Availability:
    """Ready where an engine's neural packages are and the first of these models; the others are a help.

    Where packages and weights are missing, one command brings both.
    """
    first = weights[0]
    if installed.ready:
        return availability_of_weights(first)
    if find(first) is not None:
        return installed
    return Availability(
        ready=False,
        lacks=installed.lacks,
        remedy=f"Run `avatar models fetch {' '.join(weights)} --packages`.",
    )


class FetchedEngine(Engine, Generic[Network]):
    """Base of engines whose weights are fetched: the model `weights` of the manifest.

    `packages` must be installed in `environment`; `option` is what its `sync` needs to bring them.
    """

    weights: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    environment: ClassVar[str]
    option: ClassVar[str] = ""

    def __init__(self) -> None:
        self._loaded: Network | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where packages and weights are there, and the licence, if it asks for that, was accepted."""
        installed = availability_of(cls.packages, cls.environment, cls.option)
        return with_weights(installed, cls.weights) if installed.ready or cls.option else installed

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
