"""The speech takes the pitch and the timbre of the reference, as Praat hears them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import parselmouth
import pytest

from shared_schema.errors import RecordingError
from shared_schema.stages import SpeechParams
from tts_worker.engines.hibari import HibariEngine
from tts_worker.model import SAMPLE_RATE, HibariModel
from tts_worker.vocoder import Match, matched_sound

Make = Callable[..., Any]
Sound = npt.NDArray[Any]

TEXT = "The boy was there when the sun rose. Four hours of steady work faced us, all the same."


@pytest.fixture(scope="module")
def model() -> HibariModel:
    return HibariModel()


@pytest.fixture
def speak(run_engine: Make, engine: HibariEngine, script: Make, read: Make) -> Make:
    """`speak(voice=None)`: the outcome's words on the voice, and the samples."""

    def run(**inputs: Path) -> tuple[str, Sound]:
        result = run_engine(engine, SpeechParams(), text=script(TEXT), **inputs)
        return result.outcome.voice, read(result.files)[0]

    return run


def pitch_of(samples: Sound, rate: int = SAMPLE_RATE) -> float:
    curve = (
        parselmouth.Sound(samples, rate)
        .to_pitch(pitch_floor=50, pitch_ceiling=500)
        .selected_array["frequency"]
    )
    return float(np.median(curve[curve > 0]))


def formants_of(samples: Sound, tract: float = 1.0) -> Sound:
    """Medians of F2, F3 and F4 over voiced frames, with a ceiling that goes with the tract."""
    sound = parselmouth.Sound(samples, SAMPLE_RATE)
    curve = sound.to_pitch(pitch_floor=50, pitch_ceiling=500)
    times = curve.xs()[curve.selected_array["frequency"] > 0]
    tracks = sound.to_formant_burg(max_number_of_formants=5, maximum_formant=5500 / tract)
    return np.array([np.nanmedian([tracks.get_value_at_time(n, time) for time in times]) for n in (2, 3, 4)])


def engine_voice(model: HibariModel, match: Match) -> Sound:
    """A reference recording: the model's own voice, changed as `match` says, reading another text."""
    rng = np.random.default_rng(1)
    texts = (
        "A pot of tea helps to pass the evening.",
        "Smoky fires lack flame and heat.",
        "Rice is often served in bowls.",
    )
    return np.concatenate(
        [matched_sound(model.predict(model.phonemes(text), 1.0), match, rng) for text in texts]
    )


def tract_in(voice: str) -> float:
    return float(voice.rpartition("vocal tract x")[2])


def test_without_a_recording_the_engine_speaks_with_its_own_voice(speak: Make) -> None:
    voice, samples = speak()
    assert voice == "heart, the engine's own voice"
    assert pitch_of(samples) == pytest.approx(193, rel=0.08)


@pytest.mark.parametrize(("pitch", "tract"), [(105, 1.16), (150, 1.05), (240, 0.92)])
def test_a_voice_of_the_engines_own_making_is_matched(
    speak: Make, recording: Make, model: HibariModel, pitch: float, tract: float
) -> None:
    reference = engine_voice(model, Match(pitch=pitch, own_pitch=193, spread=1.0, tract=tract))
    voice, samples = speak(voice=recording(reference, SAMPLE_RATE))
    assert pitch_of(samples) == pytest.approx(pitch_of(reference), rel=0.08)
    assert tract_in(voice) == pytest.approx(tract, abs=0.06)


@pytest.mark.parametrize(("pitch", "formants"), [(85, 0.95), (120, 1.0), (170, 1.1), (215, 1.17)])
def test_the_pitch_of_a_voice_made_without_the_engine_is_matched(
    speak: Make, recording: Make, vowels: Make, pitch: float, formants: float
) -> None:
    voice, samples = speak(voice=recording(vowels(pitch, formants), 16_000))
    assert voice.startswith("heart, matched to your recording: pitch ")
    assert int(voice.partition("pitch ")[2].partition(" Hz")[0]) == pytest.approx(pitch, rel=0.03)
    assert pitch_of(samples) == pytest.approx(pitch, rel=0.08)


@pytest.mark.parametrize(("pitch", "tract"), [(100, 1.18), (260, 0.88)])
def test_formants_move_with_the_vocal_tract(
    speak: Make, recording: Make, model: HibariModel, pitch: float, tract: float
) -> None:
    reference = recording(engine_voice(model, Match(pitch, 193, 1.0, tract)), SAMPLE_RATE)
    voice, samples = speak(voice=reference)
    moved = formants_of(samples, tract_in(voice)) / formants_of(speak()[1])
    assert abs(tract_in(voice) - 1) > 0.08
    assert moved == pytest.approx(np.full(3, 1 / tract_in(voice)), rel=0.05)


def test_a_voice_like_the_engines_own_changes_it_little(
    speak: Make, recording: Make, model: HibariModel
) -> None:
    voice, samples = speak(voice=recording(engine_voice(model, Match(193, 193, 1.0, 1.0)), SAMPLE_RATE))
    assert tract_in(voice) == pytest.approx(1.0, abs=0.04)
    assert formants_of(samples) == pytest.approx(formants_of(speak()[1]), rel=0.06)


def test_a_matched_voice_is_as_steady_as_the_engines_own(speak: Make, recording: Make, vowels: Make) -> None:
    """Reading the spectrum between its harmonics would roughen the voice: shimmer 20 %, not 8 %."""

    def shimmer(samples: Sound) -> float:
        sound = parselmouth.Sound(samples, SAMPLE_RATE)
        pulses = parselmouth.praat.call(sound, "To PointProcess (periodic, cc)", 50, 500)
        return float(
            parselmouth.praat.call([sound, pulses], "Get shimmer (local)", 0, 0, 1e-4, 0.02, 1.3, 1.6)
        )

    _, matched = speak(voice=recording(vowels(115, 1.0), 16_000))
    assert shimmer(matched) < shimmer(speak()[1]) + 0.05


def test_a_matched_voice_is_understood_as_well_as_the_engines_own(
    speak: Make, recording: Make, vowels: Make, ear: Any
) -> None:
    words = re.sub(r"[^a-z ]", "", TEXT.lower()).split()
    _, matched = speak(voice=recording(vowels(115, 1.0), 16_000))
    heard = [len(set(words) & set(ear.words(samples))) for samples in (speak()[1], matched)]
    assert heard[1] >= heard[0] - 1
    assert heard[1] >= 0.7 * len(set(words))


def test_the_format_of_the_recording_does_not_matter(speak: Make, recording: Make, vowels: Make) -> None:
    wav, _ = speak(voice=recording(vowels(120, 1.0), 16_000))
    for name in ("voice.flac", "voice.mp3", "voice.ogg"):
        other, _ = speak(voice=recording(np.stack([vowels(120, 1.0)] * 2, axis=1), 16_000, name))
        assert tract_in(other) == pytest.approx(tract_in(wav), abs=0.03)
        assert other.split("(")[0] == wav.split("(")[0]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(48_000), "is silent"),
        (np.random.default_rng(0).standard_normal(48_000) * 0.1, "No voice is heard"),
        (np.zeros(100), "too short"),
    ],
)
def test_a_recording_without_a_voice_is_refused_and_nothing_is_written(
    speak: Make, recording: Make, tmp_path: Path, samples: Sound, words: str
) -> None:
    with pytest.raises(RecordingError, match=words):
        speak(voice=recording(samples, 16_000))
    assert not list(tmp_path.glob("job-*/speech*"))
