"""wav2lip: the lower half of the face drawn by Wav2Lip, small and quick; its weights are not for business."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lipsync_worker.engines.base import NeuralEngine
from lipsync_worker.models import WAV2LIP
from shared_schema.engine import Context
from shared_schema.errors import InputError
from shared_schema.fetched import TorchEngine
from shared_schema.messages import Memory, Task
from shared_schema.packages import version_with
from shared_schema.stages import LipsyncParams

if TYPE_CHECKING:
    from lipsync_worker.footage import BoxOf
    from lipsync_worker.wav2lip.drawing import Drawer, Shown
    from lipsync_worker.wav2lip.mel import MelEars
    from lipsync_worker.wav2lip.model import Network

__all__ = ["Wav2Lip"]

# ruff: noqa: PLC0415 - torch takes seconds, and only a task of its own needs it

FACES_AT_ONCE = 8
"""For each frame that the profile would give a larger network."""

ROOM = 850_000_000
A_PIXEL = 1300
"""Bytes for activations, and what they take for each pixel of a face: four times 80 channels, reckoned."""


class Wav2Lip(NeuralEngine, TorchEngine["Network"]):
    """Wav2Lip, of 96 or 256 pixels as the weights are."""

    name: ClassVar[str] = "wav2lip"
    weights: ClassVar[str] = WAV2LIP
    packages: ClassVar[tuple[str, ...]] = ("torch", "safetensors", "av", "numpy", "opencv-python-headless")
    environment: ClassVar[str] = "lipsync"
    option: ClassVar[str] = "--neural"
    version: ClassVar[str] = version_with("1", packages)
    summary: ClassVar[str] = "Wav2Lip: the lower face drawn small; for a GPU with 2 GB; not for business"
    # Reckoned: 145 to 215 MB of weights in fp32, and `ROOM`; torch itself.
    host: ClassVar[Memory] = Memory(peak=2_500_000_000, context=900_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=1_700_000_000, context=600_000_000)

    def read(self, folder: Path) -> Network:
        """Read the weights, batch norms folded into their convolutions."""
        import torch

        from lipsync_worker.wav2lip.model import load

        network = load(folder)
        network.fuse()
        # A quarter quicker, on a CPU too.
        network.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def prepare(self, params: LipsyncParams, context: Context) -> None:
        """Bring the weights to the device. They stay in fp32: half would gain little on a net this small."""
        if params.dubbing.version or params.dubbing.shift or params.dubbing.compat:
            raise InputError("Wav2Lip has no versions, no shift and no compat.", "Leave them out.")
        self.to_device(context.device)

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

        most = ROOM // (A_PIXEL * self.network.side**2)
        batch = min(context.profile.batch * FACES_AT_ONCE, most)
        return Drawer(self.network, batch=batch), Shown()
