"""MuseTalk's nets: read onto the host from the published layout, and moved to a device together.

net       weights                                                       at full size, fp16
unet      musetalkV15/ or musetalk/: musetalk.json, unet.safetensors    1.70 GB
vae       sd-vae-ft-mse: config.json, diffusion_pytorch_model           0.17 GB
whisper   whisper-tiny: config.json, preprocessor_config.json, model    0.02 GB, the encoder alone

Nothing else is read: no pickle, no code that came with the weights, no file from a network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from transformers.utils import logging as transformers_logging

from shared_schema.errors import WeightsError
from shared_schema.residence import Residence

__all__ = ["CONTEXT_SHAPE", "Folders", "Network", "load"]

LATENT_SCALE: Final = 0.18215
"""Of Stable Diffusion 1's latents; the VAE's published configuration leaves it out."""

CONTEXT_SHAPE: Final = (50, 384)
"""What is heard around a frame: ten moments of five layers each, and Whisper tiny's width."""

ENCODER_PREFIXES: Final = ("model.encoder.", "encoder.")

for library in (diffusers_logging, transformers_logging):
    library.disable_progress_bar()
diffusers_logging.set_verbosity_error()


class Folders(NamedTuple):
    """Where the weights of one version are: three folders of models, and which version ("v1.5", "v1")."""

    version: str
    musetalk: Path
    vae: Path
    whisper: Path


class Network:
    """The nets of one version. Made on the host; `use` brings them to a device, all at once."""

    def __init__(self, folders: Folders, unet: Any, vae: Any, whisper: Any, extractor: Any) -> None:
        self.folders = folders
        self.unet = unet
        self.vae = vae
        self.whisper = whisper
        self.extractor = extractor
        self._residence = self._packed()

    def _packed(self) -> Residence:
        # A GPU's tensor cores convolve fastest where channels lie together. On a CPU that gains nothing
        # (measured: 0.276 s a frame either way), and rounds otherwise: 1e-3 in the latents.
        if torch.cuda.is_available():
            for net in (self.unet, self.vae):
                net.to(memory_format=torch.channels_last)
        return Residence([self.unet, self.vae, self.whisper])

    @property
    def version(self) -> str:
        """Which MuseTalk: "v1.5" or "v1"."""
        return self.folders.version

    @property
    def dtype(self) -> torch.dtype:
        """The format that the nets compute in."""
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @property
    def layout(self) -> torch.memory_format:
        """How pictures that the nets are given should lie in memory."""
        return torch.channels_last if torch.cuda.is_available() else torch.contiguous_format

    @property
    def device(self) -> torch.device:
        """Where they compute now."""
        return self._residence.device

    @property
    def bytes(self) -> int:
        """What they hold on the host."""
        return self._residence.bytes

    def moves_for(self, name: str, device: str) -> bool:
        """Whether the nets must move, or change their format, to compute like that."""
        return name != str(self.dtype).removeprefix("torch.") or device != self.device.type

    def use(self, device: str) -> None:
        """Have the nets compute on a device."""
        self._residence.to_device(device)

    def leave(self) -> None:
        """Leave the device."""
        self._residence.to_host()

    def drop(self) -> None:
        """Free everything. The nets cannot be used again."""
        self._residence.drop()

    def convert(self, name: str) -> None:
        """Have the nets compute in a format of torch's ("float16"); at once where they do already."""
        dtype: torch.dtype = getattr(torch, name)
        if dtype == self.dtype:
            return
        self.leave()
        for net in (self.unet, self.vae, self.whisper):
            net.to(dtype)
        self._residence = self._packed()


def load(folders: Folders, dtype: torch.dtype) -> Network:
    """Read the nets onto the host. WeightsError where a file is missing, damaged, or does not fit."""
    unet = _read("MuseTalk", folders.musetalk, lambda folder: _unet(folder, dtype))
    vae = _read("VAE", folders.vae, lambda folder: _vae(folder, dtype))
    whisper, extractor = _read("Whisper", folders.whisper, lambda folder: _whisper(folder, dtype))
    for net in (unet, vae, whisper):
        net.eval().requires_grad_(requires_grad=False)
    return Network(folders, unet, vae, whisper, extractor)


def _read(what: str, folder: Path, reader: Any) -> Any:
    try:
        return reader(folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        lines = (line.strip() for line in str(error).splitlines())
        first = next(filter(None, lines), type(error).__name__).partition(". ")[0]
        raise WeightsError(
            f"The {what} weights {folder.name} cannot be read: {first.rstrip('.')}.",
            f"Run `avatar models verify {folder.name}`, and fetch them again.",
        ) from error


def _unet(folder: Path, dtype: torch.dtype) -> Any:
    configuration = next(iter(sorted(folder.glob("*/musetalk.json"))), folder / "musetalk.json")
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(_settings(configuration))
    _must_be("number of input channels", unet.config.in_channels, 8)
    _must_be("number of output channels", unet.config.out_channels, 4)
    _must_be("width of contexts", unet.config.cross_attention_dim, CONTEXT_SHAPE[1])
    state = load_file(_file(configuration.with_name("unet.safetensors")))
    _assign(unet, {name: tensor.to(dtype) for name, tensor in state.items()})
    return unet


def _vae(folder: Path, dtype: torch.dtype) -> Any:
    settings = _settings(folder / "config.json")
    _must_be("number of latent channels", settings.get("latent_channels"), 4)
    _must_be("number of blocks", len(settings.get("block_out_channels", ())), 4)
    _file(folder / "diffusion_pytorch_model.safetensors")
    vae, report = AutoencoderKL.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    for key in ("missing_keys", "unexpected_keys"):
        if report[key]:
            raise ValueError(f"{min(report[key])} is {'missing' if key[0] == 'm' else 'not its own'}")
    return vae


def _whisper(folder: Path, dtype: torch.dtype) -> Any:
    """The encoder; the decoder, four fifths of the file, is not read."""
    configuration = WhisperConfig.from_dict(_settings(folder / "config.json"))
    _must_be("width", configuration.d_model, CONTEXT_SHAPE[1])
    _must_be("number of layers", configuration.encoder_layers, 4)
    with torch.device("meta"):
        encoder = WhisperEncoder(configuration)
    state = {}
    with safe_open(_file(folder / "model.safetensors"), "pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            prefix = next((prefix for prefix in ENCODER_PREFIXES if name.startswith(prefix)), None)
            if prefix:
                state[name.removeprefix(prefix)] = file.get_tensor(name).to(dtype)
    _assign(encoder, state)
    extractor = WhisperFeatureExtractor.from_dict(_settings(folder / "preprocessor_config.json"))
    _must_be("number of bands", extractor.feature_size, configuration.num_mel_bins)
    _must_be("sample rate", extractor.sampling_rate, 16_000)
    _must_be("window", extractor.chunk_length, 30)
    return encoder, extractor


def _file(path: Path) -> Path:
    """A file that must be there: a library would look for it elsewhere, or do without."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing")
    return path


def _settings(path: Path) -> dict[str, Any]:
    """A net's configuration. A text in place of one would be taken for the name of another, on a network."""
    try:
        found = json.loads(_file(path).read_text())
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged, {error}") from error
    if not isinstance(found, dict):
        raise TypeError(f"{path.name} holds no settings")
    return found


def _must_be(what: str, found: object, expected: int) -> None:
    if found != expected:
        raise ValueError(f"its {what} is {found} and should be {expected}")


def _assign(net: Any, state: dict[str, torch.Tensor]) -> None:
    """Give a net its weights, every one of them and no other. RuntimeError names the first that is odd."""
    expected = net.state_dict()
    if odd := sorted(expected.keys() ^ state.keys()):
        raise RuntimeError(f"{odd[0]} {'is missing' if odd[0] in expected else 'has no place'}")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise RuntimeError(f"{name} is {tuple(tensor.shape)} and should be {tuple(expected[name].shape)}")
    net.load_state_dict(state, assign=True)
