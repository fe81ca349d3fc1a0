"""Bark as a voice that `read_aloud` can use: one sentence, one generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from shared_schema.engine import Context
from tts_worker.attempts import ATTEMPTS, DENSE, Bounds, seed_of, sound
from tts_worker.bark import generation
from tts_worker.bark.network import Network
from tts_worker.bark.presets import History
from tts_worker.chunk import Samples
from tts_worker.text import halved

__all__ = ["BarkVoice"]

LIMIT, DENSE_LIMIT = 150, 50
"""Characters of one generation: what is said in 13 seconds, at 12 letters or 4 syllables a second.

Suno's README: Bark "works well with around 13 seconds of spoken text", and its window has room for 768
semantic tokens, 15.4 seconds. What a slow voice does not finish within them is repeated."""


@dataclass
class BarkVoice:
    """A loaded network, a voice, and how to speak. `half` is for GPUs: see `generation.semantics`.

    Without a `history` Bark chooses a voice itself with the first sentence, and goes on from that one.
    """

    network: Network
    history: History | None
    language: str
    description: str
    context: Context
    temperature: float | None = None
    half: torch.dtype | None = None
    advice: list[str] = field(default_factory=list)

    @property
    def rate(self) -> int:
        """Hz."""
        return self.network.rate

    @property
    def limit(self) -> int:
        """Characters of one generation."""
        return DENSE_LIMIT if self.language.partition("-")[0] in DENSE else LIMIT

    def speak(self, text: str, index: int) -> Samples:
        """A sentence's sound, (N,) at `rate`."""
        parts = [self._part(part, index, number) for number, part in enumerate(halved(text, self._fits))]
        return np.concatenate(parts)

    def stream(self, text: str, index: int) -> Iterator[Samples]:
        """The same, whole: each of Bark's stages needs all that the one before it has made."""
        yield self.speak(text, index)

    def _part(self, text: str, index: int, number: int) -> Samples:
        """The sound of what the nets take at once, the `number`th of its sentence."""
        takes: list[_Take] = []

        def attempt(repetition: int) -> tuple[Iterator[Samples], Callable[[], str]]:
            seed = seed_of(self.context.task.seed, index, repetition + 1000 * number)
            take = _Take(self, text, seed, last=repetition == ATTEMPTS - 1)
            takes.append(take)
            return iter(take), lambda: take.fault

        samples = np.concatenate([*sound(attempt, text, self.context.log)])
        if self.history is None and not takes[-1].fault:
            self.history = takes[-1].history
        return samples

    def _fits(self, text: str) -> bool:
        """Whether the nets take so much text at once."""
        return len(generation.text_tokens(self.network, text)) <= self.network.most_text


class _Take:
    """One generation: its sound, in one piece; what it said, and what was wrong with it, once it has ended.

    What the semantic tokens show to have gone wrong is made sound only in the `last` attempt: that takes
    most of the time.
    """

    def __init__(self, voice: BarkVoice, text: str, seed: int, *, last: bool) -> None:
        self.fault = ""
        self.history: History | None = None
        self._voice = voice
        self._text = text
        self._seed = seed
        self._last = last

    def __iter__(self) -> Iterator[Samples]:
        voice = self._voice
        torch.manual_seed(self._seed)
        with generation.interruptible(voice.network, voice.context.check):
            tokens = self._tokens()
            if not len(tokens) or (self.fault and not self._last):
                return
            codes = generation.codes(voice.network, tokens, voice.history, half=voice.half)
            samples = generation.sound(voice.network, codes)
        coarse = codes[: voice.network.settings.coarse_acoustics_config.n_coarse_codebooks]
        self.history = {"semantic_prompt": tokens, "coarse_prompt": coarse, "fine_prompt": codes}
        yield samples

    def _tokens(self) -> torch.Tensor:
        """The semantic tokens, (n,)."""
        voice, bounds = self._voice, Bounds(self._text, self._voice.language)
        per_second = voice.network.settings.semantic_config.semantic_rate_hz
        tokens, ended = generation.semantics(
            voice.network,
            generation.text_tokens(voice.network, self._text),
            voice.history,
            int(bounds.most * per_second),
            temperature=voice.temperature,
            half=voice.half,
        )
        seconds = len(tokens) / per_second
        self.fault = bounds.fault(seconds, ended=ended)
        return tokens
