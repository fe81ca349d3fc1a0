"""From a crop to the mask of one of MuseTalk's versions, by the weights in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from lipsync_worker.arrays import Picture, picture
from lipsync_worker.masks import PARSED, jaw
from lipsync_worker.parser.net import BiSeNet
from shared_schema.errors import WeightsError

__all__ = ["FaceParser", "load", "replaced", "shown"]

# Numbers of the classes, after CelebAMask-HQ (Lee et al. 2020).
SKIN, NOSE, LIPS = 1, 10, (11, 12, 13)  # the last: inside of the mouth, upper and lower lip
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB
FOR_TRAINING: Final = ("conv_out16.", "conv_out32.")
COUNTER: Final = ".num_batches_tracked"


class FaceParser:
    """A loaded network at work for the mask of one version, "v1.5" or "v1". A `paste.Parser`."""

    def __init__(self, net: BiSeNet, version: str) -> None:
        self.net = net
        self._version = version

    def __call__(self, crop: Picture) -> Picture:
        """The mask (512, 512) of a crop (h, w, 3) BGR, which fills it: 255 where the face is replaced."""
        return replaced(self.classes(crop), self._version)

    def classes(self, crop: Picture) -> Picture:
        """The class (512, 512), 0 to 18, of each pixel of a crop (h, w, 3) BGR, which fills the result."""
        weight = next(self.net.parameters())
        with torch.inference_mode():
            scores = self.net(shown(crop).to(weight.device, weight.dtype))
            return picture(scores[0].argmax(0).to(torch.uint8).cpu().numpy())


def replaced(classes: Picture, version: str) -> Picture:
    """The mask (512, 512) that a version makes of classes (512, 512): v1 takes skin and lips, v1.5 a jaw."""
    skin, nose, lips = (
        picture(np.isin(classes, number).astype(np.uint8) * 255) for number in (SKIN, NOSE, LIPS)
    )
    return jaw(skin, nose, lips) if version == "v1.5" else picture(skin | lips)


def shown(crop: Picture) -> Tensor:
    """What the network is shown of a crop (h, w, 3) BGR: (1, 3, 512, 512), RGB, normalised.

    Resized as Pillow does (bilinear, with a wider kernel where it shrinks).
    """
    rgb = torch.from_numpy(np.ascontiguousarray(crop[..., ::-1])).permute(2, 0, 1)[None]
    sized = functional.interpolate(rgb, (PARSED, PARSED), mode="bilinear", antialias=True)
    mean, spread = (torch.tensor(values)[:, None, None] for values in (MEAN, SPREAD))
    return (sized.float() / 255 - mean) / spread


def load(folder: Path, version: str) -> FaceParser:
    """Read the one safetensors file of a folder onto the host. WeightsError where it does not fit."""
    try:
        (path,) = folder.glob("*.safetensors")
        state = load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(folder, "it holds no safetensors file that can be read") from error
    with torch.device("meta"):
        net = BiSeNet()
    expected = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith(COUNTER)}
    state = {
        name: tensor.float()
        for name, tensor in state.items()
        if not name.startswith(FOR_TRAINING) and not name.endswith(COUNTER)
    }
    if odd := sorted(expected.keys() ^ state.keys()):
        raise _unreadable(folder, f"{odd[0]} {'is missing' if odd[0] in expected else 'has no place'}")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise _unreadable(folder, f"{name} has the shape {tuple(tensor.shape)}")
    net.to_empty(device="cpu").load_state_dict(state, strict=False)
    net.eval().requires_grad_(requires_grad=False)
    return FaceParser(net, version)


def _unreadable(folder: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"The face-parsing weights {folder.name} cannot be read: {reason}.",
        "Fetch them again, or leave the folder away: masks then come from landmarks.",
    )
