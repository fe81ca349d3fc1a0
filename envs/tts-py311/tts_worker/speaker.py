"""A loaded voice at work: matches itself to a recording and speaks a script into files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import TextError
from shared_schema.stages import SpeechOutcome
from tts_worker import pitch
from tts_worker.audio import read_recording, resampled
from tts_worker.model import SAMPLE_RATE, VOICE, HibariModel
from tts_worker.narration import Narration, hand_on
from tts_worker.synthesis import Synthesizer, own_sound
from tts_worker.text import sentences, survey
from tts_worker.vocoder import Match
from tts_worker.voices import OwnVoice

__all__ = ["Speaker"]


class Speaker:
    """The hibari model in memory. `threads` are those of one inference."""

    def __init__(self, threads: int = 1) -> None:
        self._model = HibariModel(threads)
        self._own: OwnVoice | None = None

    def match(self, *recordings: Path) -> Match:
        """How the voice must change to match recordings of one. RecordingError where they hold no voice."""
        if self._own is None:
            self._own = OwnVoice(resampled(own_sound(self._model), SAMPLE_RATE, pitch.RATE))
        samples = np.concatenate([read_recording(recording, pitch.RATE) for recording in recordings])
        return self._own.match(samples, " and ".join(recording.name for recording in recordings))

    def speak(self, context: Context, speed: float, language: str) -> SpeechOutcome:
        """Write `speech.wav` and `timings.jsonl` for the task's script, in its recordings' voice if any.

        TextError, LanguageUnknown and RecordingError where these cannot be used; Cancelled.
        """
        script, recordings = context.input("text"), context.inputs("voice")
        total = survey(script, "English")
        match = None
        if recordings:
            context.progress("matching voice", 0, 1)
            match = self.match(*recordings)
            context.progress("matching voice", 1, 1)
        narration = self._narrate(script, Synthesizer(self._model, match), speed, total.characters, context)
        if not narration.utterances:
            raise TextError("Nothing in the text has a sound.", "Give at least one English word to speak.")
        return SpeechOutcome(
            SAMPLE_RATE, narration.samples, narration.utterances, _described(match), language
        )

    def _narrate(
        self, script: Path, synthesizer: Synthesizer, speed: float, total: int, context: Context
    ) -> Narration:
        rng = np.random.default_rng(context.task.seed)
        speech, timings = context.output("speech", "speech.wav"), context.output("timings", "timings.jsonl")
        done = 0
        listener = partial(hand_on, context)
        with Narration(speech, timings, SAMPLE_RATE, speed, rng, listener=listener) as narration:
            context.progress("speaking", 0, total)
            for sentence in sentences(script):
                chunks = synthesizer.speak(sentence.text, speed, rng)
                narration.add(sentence.text, chunks, sentence.boundary)
                done += len(sentence.text)
                context.progress("speaking", done, total)
        return narration


def _described(match: Match | None) -> str:
    if match is None:
        return f"{VOICE}, the engine's own voice"
    return (
        f"{VOICE}, matched to your recording: pitch {match.pitch:.0f} Hz (its own {match.own_pitch:.0f}), "
        f"vocal tract x{match.tract:.2f}"
    )
