"""wav2lip: the lower half of the face drawn by Wav2Lip, small and quick; its weights are not for business."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lipsync_worker.engines.base import NeuralEngine
from lipsync_worker.models import WAV2LIP
from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.fetched import FetchedEngine
from shared_schema.messages import Memory, Task
from shared_schema.packages import version_with
from shared_schema.stages import LipsyncParams

if TYPE_CHECKING:
    from lipsync_worker.footage import BoxOf
    from lipsync_worker.wav2lip.drawing import Drawer, Shown
    from lipsync_worker.wav2lip.mel import MelEars
    from lipsync_worker.wav2lip.model import Network
    from shared_schema.residence import Residence

__all__ = ["Wav2Lip"]

# ruff: noqa: PLC0415 - torch takes seconds, and only a task of its own needs it

FACES_AT_ONCE = 8
"""For each frame that the profile would give a larger network."""


class Wav2Lip(NeuralEngine, FetchedEngine["Network"]):
    """Wav2Lip, of 96 or 256 pixels as the weights are."""

    name: ClassVar[str] = "wav2lip"
    weights: ClassVar[str] = WAV2LIP
    packages: ClassVar[tuple[str, ...]] = ("torch", "safetensors", "av", "numpy", "opencv-python-headless")
    environment: ClassVar[str] = "lipsync"
    option: ClassVar[str] = "--neural"
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "Wav2Lip: the lower face drawn small; for a GPU with 2 GB; not for business"
    # Reckoned: 145 MB of weights in fp32; its activations at 96 pixels are small beside torch itself.
    host: ClassVar[Memory] = Memory(peak=2_500_000_000, context=900_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=1_600_000_000, context=600_000_000)

    def __init__(self) -> None:
        super().__init__()
        self._residence: Residence | None = None

    def read(self, folder: Path) -> Network:
        """Read the weights, batch norms folded into their convolutions."""
        import torch

        from lipsync_worker.wav2lip.model import load

        network = load(folder)
        network.fuse()
        # A quarter quicker, on a CPU too.
        network.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def load(self) -> None:
        """Read the weights onto the host, in one piece, so that they move in one copy."""
        from shared_schema.residence import Residence

        super().load()
        self._residence = Residence([self.network.model])

    def prepare(self, params: LipsyncParams, context: Context) -> None:
        """Bring the weights to the device. They stay in fp32: half would gain little on a net this small."""
        if self._residence is None:
            raise self.not_loaded()
        if params.dubbing.version or params.dubbing.shift or params.dubbing.compat:
            raise InputError("Wav2Lip has no versions, no shift and no compat.", "Leave them out.")
        self._residence.to_device(context.device)

    def box_of(self, _params: LipsyncParams) -> BoxOf:
        """From the middle of the forehead to the chin."""
        from lipsync_worker.face_box import wav2lip_box

        return wav2lip_box

    def ears(self, _params: LipsyncParams, rate: Fraction, *, live: bool) -> MelEars:  # noqa: ARG002 - as ready
        """A mel spectrogram."""
        from lipsync_worker.wav2lip.mel import MelEars

        return MelEars(rate)

    def at_work(self, _task: Task, _params: LipsyncParams, context: Context) -> tuple[Drawer, Shown]:
        """A drawer, with batches larger than MuseTalk's."""
        from lipsync_worker.wav2lip.drawing import Drawer, Shown

        if self._residence is None:
            raise self.not_loaded()
        batch = context.profile.batch * FACES_AT_ONCE
        return Drawer(self.network, self._residence.device, batch=batch), Shown()

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
