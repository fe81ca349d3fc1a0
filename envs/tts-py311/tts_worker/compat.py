"""Every way around a fault of somebody else's code, in one place: its cause, its source, when it can go.

What the locks make unnecessary is not here: `BeamSearchScorer` (gone from transformers 4.57) and the changed
`isin` (transformers 4.41) are met by transformers 4.40.2; torch's refusal of the checkpoint's pickled
configuration (`weights_only`, torch 2.6) by reading no pickle at all; torchaudio's loaders (torchcodec, from
torchaudio 2.9) by reading recordings with PyAV and soundfile.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quiet_codec", "settle_generation", "xtts_classes"]


def xtts_classes() -> tuple[Any, Any, Any]:
    """The classes XttsConfig, Xtts and VoiceBpeTokenizer of the package TTS, original or fork.

    Their import warns of what will go in releases that the locks keep out: `torch.nn.utils.weight_norm`,
    `pkg_resources`. Can go with Coqui TTS 0.22 itself.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from TTS.tts.configs.xtts_config import XttsConfig  # noqa: PLC0415 - takes 20 s
        from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer  # noqa: PLC0415
        from TTS.tts.models.xtts import Xtts  # noqa: PLC0415
    _name_czech()
    return XttsConfig, Xtts, VoiceBpeTokenizer


def _name_czech() -> None:
    """Have num2words know Czech by its old name too.

    TTS 0.22 asks for "cz", and num2words 0.5.14 renamed that to the right "cs": every number in a Czech
    sentence raised NotImplementedError. Can go with Coqui TTS 0.22.
    """
    from num2words import CONVERTER_CLASSES  # noqa: PLC0415

    CONVERTER_CLASSES.setdefault("cz", CONVERTER_CLASSES["cs"])


def settle_generation(model: Any) -> None:
    """Say once how an Xtts generates, so that it need not be guessed from the model's configuration.

    Upstream leaves that to a deprecated fallback of transformers, which warns at the first sentence ("You
    have modified the pretrained model configuration"). Can go with Coqui TTS 0.22.
    """
    from TTS.tts.layers.xtts import stream_generator  # noqa: PLC0415

    kind = getattr(stream_generator, "StreamGenerationConfig", None)
    if kind is None:
        return  # the fork does it by itself
    network = model.gpt.gpt_inference
    network.generation_config = kind.from_model_config(network.config)
    network.generation_config._from_model_config = False  # noqa: SLF001 - what the warning asks for


@contextmanager
def quiet_codec() -> Iterator[None]:
    """Within it an EnCodec, which Bark's sound comes from, can be made without the warnings that this gives.

    That of transformers 4.40 uses `torch.nn.utils.weight_norm`, which will go in some release of torch that
    the locks keep out, and copies numbers out of tensors by a slow way. Can go with transformers 4.40.2.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.nn\.utils\.weight_norm` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "To copy construct from a tensor", UserWarning)
        yield
