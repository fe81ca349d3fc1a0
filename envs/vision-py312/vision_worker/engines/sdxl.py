"""sdxl: a portrait drawn from a prompt by Stable Diffusion XL, looked at until it can be lip-synced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Context
from shared_schema.errors import EngineUnavailable, InputError, WeightsError
from shared_schema.fetched import with_weights
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import PortraitOutcome, PortraitParams, Stage
from shared_schema.weights import find
from vision_worker import packages
from vision_worker.engines.base import FaceEngine
from vision_worker.models import SDXL, SDXL_CONFIGURATION, SDXL_VAE

if TYPE_CHECKING:
    from vision_worker.sdxl.adapters import Adapter
    from vision_worker.sdxl.checkpoint import Checkpoint
    from vision_worker.sdxl.network import Network

__all__ = ["SdxlEngine"]

# ruff: noqa: PLC0415 - its imports take seconds, and only a worker that draws needs them

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors")


class SdxlEngine(FaceEngine):
    """Portraits from words, and from words and a photo."""

    name: ClassVar[str] = "sdxl"
    stage: ClassVar[Stage] = Stage.PORTRAIT
    version: ClassVar[str] = version_with("1", (*PACKAGES, *packages.PACKAGES))
    summary: ClassVar[str] = "Stable Diffusion XL: a portrait from your prompt; for a GPU with 8 GB"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)
    # Reckoned: without a GPU 13.9 GB of weights in fp32, and the files that they are read from. On one 6.9 GB
    # of weights, 3 GB of activations, CUDA's context; by parts the denoiser's 5.1 GB and 1 GB in tiles.
    host: ClassVar[Memory] = Memory(peak=21_000_000_000, context=1_500_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=10_400_000_000, context=600_000_000)
    gpu_by_parts: ClassVar[Memory | None] = Memory(peak=6_600_000_000, context=600_000_000)

    def __init__(self) -> None:
        super().__init__()
        self._network: Network | None = None
        self._worn: list[Adapter] = []

    @classmethod
    def availability(cls) -> Availability:
        """Ready where packages and weights are; the tokenizers suffice for a checkpoint of the user's own."""
        faces = super().availability()
        installed = availability_of(PACKAGES, "vision", "--neural") if faces.ready else faces
        if not faces.ready or find(SDXL_CONFIGURATION) is not None:
            return installed
        return with_weights(installed, SDXL, SDXL_VAE)

    @property
    def network(self) -> Network:
        """The nets that were read. EngineUnavailable where none were."""
        if self._network is None:
            raise self.not_loaded()
        return self._network

    def load(self) -> None:
        """Start the face networks, and read the usual checkpoint if there is one: a task may name another."""
        from vision_worker.sdxl.checkpoint import locate

        super().load()
        try:
            checkpoint = locate("")
        except (EngineUnavailable, WeightsError):
            return  # a task that wants it is told
        self._read(checkpoint)

    def run(self, task: Task, context: Context) -> PortraitOutcome:
        """Write `portrait.png` and `face.json`; more with numbers, and `sheet.jpg`, where several are wanted.

        TextError, PhotoError, WeightsError, EngineUnavailable for what was asked; FaceError where no picture
        can be lip-synced; Cancelled.
        """
        from vision_worker.sdxl.checkpoint import locate
        from vision_worker.sdxl.session import draw_portraits

        if not isinstance(task.params, PortraitParams):
            raise InputError(f"The {self.name} engine takes portrait parameters.")
        checkpoint = locate(task.params.drawing.checkpoint)
        if self._network is None or self._network.checkpoint != checkpoint:
            context.progress(f"reading {checkpoint.name}", 0)
            self._read(checkpoint)
        network = self._ready_for(context)
        self._wear(task, context)
        return draw_portraits(network, self.finder, self.segmenter, task, context)

    def offload(self) -> None:
        """Leave the device."""
        if self._network is not None:
            self._network.leave()

    def unload(self) -> None:
        """Forget the weights, wherever they are, and free the face networks."""
        self._forget()
        super().unload()

    def _read(self, checkpoint: Checkpoint) -> None:
        from vision_worker.sdxl.network import load, usual_format

        self._forget()
        self._network = load(checkpoint, usual_format())

    def _forget(self) -> None:
        if self._network is not None:
            self._network.drop()
        self._network = None
        self._worn = []

    def _ready_for(self, context: Context) -> Network:
        """The nets, in the format that this task computes in."""
        self.network.convert(context.number_format)
        return self.network

    def _wear(self, task: Task, context: Context) -> None:
        """Hang in the LoRA files of a task, unless they hang there already."""
        from vision_worker.sdxl.adapters import adapters_of, wear

        wanted = adapters_of(task, context)
        hung, asked = ([(one.digest, one.scale) for one in each] for each in (self._worn, wanted))
        if hung != asked:
            self._worn = []
            wear(self.network, wanted)
            self._worn = wanted
