"""What the speech engines of this worker share: what they are asked, and weights that come and go.

SpeechEngine       text in, a voice out
└─ TorchEngine     its weights were fetched; its nets are torch modules, and move to a GPU and back
"""

from __future__ import annotations

from typing import ClassVar

from shared_schema import fetched
from shared_schema.engine import Engine
from shared_schema.fetched import Nets
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage

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


class TorchEngine(SpeechEngine, fetched.TorchEngine[Nets]):
    """Base of engines whose `network.model` is a torch module."""

    environment: ClassVar[str] = "tts"
    option: ClassVar[str] = "--neural"
