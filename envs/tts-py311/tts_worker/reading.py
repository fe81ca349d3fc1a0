"""Reads a script aloud with a neural voice: what all of them share, from the text to the files.

    script ──sentences──> voice ──trim, limit, fade──> speech.wav, timings.jsonl, and pieces of sound
                                         │                       as they are made
                                      aligner

Each sentence is one generation, so that length costs no memory and a long script does not drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import EngineFailed, TextError
from shared_schema.stages import SpeechOutcome, SpeechParams
from tts_worker.chunk import Chunk, Samples
from tts_worker.level import edged, limited
from tts_worker.narration import Narration, hand_on
from tts_worker.text import sentences, survey
from tts_worker.timing import Aligner

__all__ = ["Voice", "check_finite", "read_aloud"]


class Voice(Protocol):
    """A model with the voice that it speaks in."""

    @property
    def rate(self) -> int:
        """Of its sound, Hz."""

    @property
    def limit(self) -> int:
        """The most characters of one generation."""

    @property
    def language(self) -> str:
        """A BCP 47 tag."""

    @property
    def description(self) -> str:
        """Whose voice it is, in words."""

    @property
    def advice(self) -> list[str]:
        """What would make it better, in sentences."""

    def speak(self, text: str, index: int) -> Samples:
        """The sound of a sentence, (N,) in [-1, 1]; `index` counts sentences from 0, for its seed.

        Empty where the sentence has no sound. EngineFailed where every attempt has failed; Cancelled.
        """

    def stream(self, text: str, index: int) -> Iterator[Samples]:
        """The same sound in pieces, each as soon as it is made."""


def read_aloud(context: Context, voice: Voice) -> SpeechOutcome:
    """Write `speech.wav` and `timings.jsonl` for the task's script, handing on the sound as it is made.

    TextError where the script cannot be read, Cancelled.
    """
    params = context.task.params
    if not isinstance(params, SpeechParams):
        raise TypeError(f"speech takes speech parameters, not {type(params).__name__}")
    narration = _narrate(context, voice, params)
    if not narration.utterances:
        raise TextError("Nothing in the text has a sound.", "Give at least one word to speak.")
    return SpeechOutcome(
        voice.rate, narration.samples, narration.utterances, voice.description, voice.language, voice.advice
    )


def _narrate(context: Context, voice: Voice, params: SpeechParams) -> Narration:
    script = context.input("text")
    total = survey(script, voice.language, limit=voice.limit, language=voice.language)
    aligner = Aligner(voice.language, voice.rate)
    rng = np.random.default_rng(context.task.seed)
    done = 0
    with Narration(
        context.output("speech", "speech.wav"),
        context.output("timings", "timings.jsonl"),
        voice.rate,
        params.speed,
        rng,
        listener=partial(hand_on, context),
    ) as narration:
        context.progress("speaking", 0, total.characters)
        for index, sentence in enumerate(sentences(script, voice.limit, voice.language)):
            align = partial(aligner.phones, text=sentence.text)
            if params.stream:
                pieces = edged(_checked(voice.stream(sentence.text, index), context), voice.rate)
                narration.add_pieces(sentence.text, pieces, sentence.boundary, align)
            else:
                sound = _finished(voice.speak(sentence.text, index), voice.rate)
                chunks = [Chunk(sound, align(sound))] if len(sound) else []
                narration.add(sentence.text, chunks, sentence.boundary)
            done += len(sentence.text)
            context.progress("speaking", done, total.characters)
    return narration


def _finished(samples: Samples, rate: int) -> Samples:
    """A sentence's sound without silence at its ends, its peaks under full scale, its ends faded."""
    check_finite(samples)
    whole = np.concatenate([np.zeros(0, np.float32), *edged([samples], rate)])
    return limited(whole, rate)


def _checked(pieces: Iterable[Samples], context: Context) -> Iterator[Samples]:
    for piece in pieces:
        context.check()
        check_finite(piece)
        yield piece


def check_finite(samples: Samples) -> None:
    """EngineFailed where these are numbers that are no sound."""
    if not np.isfinite(samples).all():
        raise EngineFailed(
            "The voice model gave numbers that are no sound (NaN or infinite).",
            "Its weights may be damaged: run `avatar models verify`.",
        )
