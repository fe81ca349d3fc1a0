"""A loaded voice at work: matches itself to a recording and speaks a script into files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import TextError
from shared_schema.stages import SpeechOutcome
from tts_worker import pitch
from tts_worker.audio import read_recording, resampled
from tts_worker.model import SAMPLE_RATE, VOICE, HibariModel
from tts_worker.narration import Narration
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

    def match(self, recording: Path) -> Match:
        """How the voice must change to match a recording. RecordingError where that holds no voice."""
        if self._own is None:
            self._own = OwnVoice(resampled(own_sound(self._model), SAMPLE_RATE, pitch.RATE))
        return self._own.match(read_recording(recording, pitch.RATE), recording.name)

    def speak(
        self, script: Path, recording: Path | None, speed: float, languages: str, context: Context
    ) -> SpeechOutcome:
        """Write `speech.wav` and `timings.jsonl` for a script, in the voice of a recording if there is one.

        TextError, LanguageUnknown and RecordingError where these cannot be used; Cancelled.
        """
        total = survey(script, languages)
        match = None
        if recording is not None:
            context.progress("matching voice", 0, 1)
            match = self.match(recording)
            context.progress("matching voice", 1, 1)
        narration = self._narrate(script, Synthesizer(self._model, match), speed, total.characters, context)
        if not narration.utterances:
            raise TextError("Nothing in the text has a sound.", "Give at least one English word to speak.")
        return SpeechOutcome(SAMPLE_RATE, narration.samples, narration.utterances, _described(match))

    def _narrate(
        self, script: Path, synthesizer: Synthesizer, speed: float, total: int, context: Context
    ) -> Narration:
        rng = np.random.default_rng(context.task.seed)
        speech, timings = context.output("speech", "speech.wav"), context.output("timings", "timings.jsonl")
        done = 0
        with Narration(speech, timings, SAMPLE_RATE, speed, rng) as narration:
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
