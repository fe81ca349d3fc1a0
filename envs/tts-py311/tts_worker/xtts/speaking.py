"""XTTS as a voice that `read_aloud` can use: one sentence, one generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from shared_schema.engine import Context
from tts_worker.attempts import Bounds, seed_of, sound
from tts_worker.chunk import Samples
from tts_worker.text import halved
from tts_worker.xtts.decoder import Decoder
from tts_worker.xtts.generation import CODES_PER_SECOND, Settings, codes, text_tokens
from tts_worker.xtts.network import Network, Speaker

__all__ = ["PIECE", "XttsVoice"]

PIECE = 20
"""Codes decoded at once while streaming: 0.9 s of sound."""

ALL = 1_000_000
"""More than any sentence has: decoded in one piece."""


@dataclass
class XttsVoice:
    """A loaded network, a speaker, and how to speak. `half` is for GPUs: see `generation.codes`."""

    network: Network
    speaker: Speaker
    settings: Settings
    language: str
    description: str
    context: Context
    speed: float = 1.0
    half: torch.dtype | None = None
    advice: list[str] = field(default_factory=list)

    @property
    def rate(self) -> int:
        """Hz."""
        return self.network.rate

    @property
    def limit(self) -> int:
        """Characters of one generation: the checkpoint's tokenizer says how many it learnt to take."""
        # Hindi is not in the tokenizer's table (TTS 0.22); its script is as dense as Arabic's.
        return self.network.limits.get(self.language.partition("-")[0], 150)

    def speak(self, text: str, index: int) -> Samples:
        """A sentence's sound, (N,) at `rate`."""
        return np.concatenate([np.zeros(0, np.float32), *self._sound(text, index, ALL)])

    def stream(self, text: str, index: int) -> Iterator[Samples]:
        """The same in pieces. An attempt that goes wrong after its first piece cannot be repeated."""
        yield from self._sound(text, index, PIECE)

    def _sound(self, text: str, index: int, size: int) -> Iterator[Samples]:
        for number, part in enumerate(halved(text, self._fits)):

            def attempt(
                repetition: int, part: str = part, number: int = number
            ) -> tuple[Iterator[Samples], Callable[[], str]]:
                seed = seed_of(self.context.task.seed, index, repetition + 1000 * number)
                take = _Take(self, part, seed)
                decoder = Decoder(self.network.model, self.speaker.embedding, self.speed)
                return decoder.pieces(take, size), lambda: take.fault

            yield from sound(attempt, part, self.context.log)

    def _fits(self, text: str) -> bool:
        """Whether the model takes a text at once, its numbers spelled out."""
        tokens = text_tokens(self.network, text, self.language)
        return len(tokens) < int(self.network.model.args.gpt_max_text_tokens)


class _Take:
    """One generation: its latents, once, each (1, width); and what was wrong with it, once it has ended."""

    def __init__(self, voice: XttsVoice, text: str, seed: int) -> None:
        self.fault = ""
        self._voice = voice
        self._text = text
        self._seed = seed

    def __iter__(self) -> Iterator[torch.Tensor]:
        voice, bounds = self._voice, Bounds(self._text, self._voice.language)
        tokens = text_tokens(voice.network, self._text, voice.language)
        stop = voice.network.model.args.gpt_stop_audio_token
        most = int(bounds.most * CODES_PER_SECOND)
        count, ended = 0, False
        torch.manual_seed(self._seed)
        for code, latent in codes(voice.network, voice.speaker, tokens, voice.settings, half=voice.half):
            voice.context.check()
            count += 1
            yield latent  # upstream decodes the stop code's too: 46 ms in which the voice dies away
            ended = code == stop
            if ended or count == most:
                break
        seconds = (count - ended) / CODES_PER_SECOND
        self.fault = bounds.fault(seconds, ended=ended)
