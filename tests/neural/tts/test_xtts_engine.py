"""The engine `xtts`: whose voice, which language, how long, repeated when it went wrong, cancelled, moved."""

from __future__ import annotations

import functools
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from shared_schema import paths, weights
from shared_schema.errors import Cancelled, EngineFailed, InputError, LanguageUnknown, RecordingError
from shared_schema.records import read_timings
from tests.neural.tts import tiny_xtts
from tests.neural.tts.conftest import Say, stopping
from tts_worker.attempts import Bounds
from tts_worker.engines.xtts import LANGUAGES, XttsEngine

Voice = Callable[..., Path]

TEXT = "Hello there. How are you today, my friend?"
TEXTS = {
    "es": "Hola, ¿cómo estás?", "fr": "Bonjour tout le monde.", "de": "Guten Morgen zusammen.",
    "it": "Ciao a tutti.", "pt": "Bom dia a todos.", "pl": "Dzień dobry.", "tr": "Merhaba nasılsın?",
    "ru": "Доброе утро.", "nl": "Goedemorgen allemaal.", "cs": "Dobré ráno.", "ar": "صباح الخير.",
    "zh-cn": "早上好。", "hu": "Jó reggelt.", "ko": "좋은 아침.", "ja": "おはようございます。",
    "hi": "सुप्रभात।", "en": "Good morning.",
}  # fmt: skip


def test_it_speaks_24_000_hz_with_one_of_its_own_voices(engine: XttsEngine, say: Say) -> None:
    spoken = say(engine, TEXT)
    assert spoken.rate == spoken.outcome.sample_rate == 24_000
    assert spoken.outcome.sentences == 2
    assert spoken.outcome.voice == "Claribel Dervla, one of XTTS-v2's own"
    assert np.abs(spoken.samples).max() > 300
    assert len(list(read_timings(spoken.folder / "timings.jsonl"))) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_each_of_its_languages(engine: XttsEngine, say: Say, language: str) -> None:
    spoken = say(engine, TEXTS[language], language=language)
    assert (spoken.outcome.language, spoken.outcome.sentences) == (language, 1)


def test_a_language_is_found_out_and_can_be_overruled(engine: XttsEngine, say: Say) -> None:
    assert say(engine, TEXTS["de"], language="auto").outcome.language == "de"
    assert say(engine, TEXTS["de"], language="nl").outcome.language == "nl"
    with pytest.raises(LanguageUnknown, match="xtts does not speak 'sv'"):
        say(engine, "Hej.", language="sv")


def test_the_same_seed_says_the_same_and_another_does_not(engine: XttsEngine, say: Say) -> None:
    first, again, other = (say(engine, TEXT, seed=seed).samples for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_stream_says_the_same_as_the_whole(engine: XttsEngine, say: Say) -> None:
    with stopping(engine, -20.0):
        whole, stream = (say(engine, TEXT, stream=stream) for stream in (False, True))
    assert len(whole.samples) == len(stream.samples)
    assert np.abs(whole.samples.astype(int) - stream.samples).max() <= 2


@pytest.mark.parametrize("stream", [False, True])
def test_the_sound_is_handed_on_as_it_is_written(engine: XttsEngine, say: Say, stream: bool) -> None:
    spoken = say(engine, TEXT, stream=stream)
    assert b"".join(spoken.chunks) == spoken.samples.astype("<i2").tobytes()


def test_a_voice_is_computed_once_and_kept(engine: XttsEngine, say: Say, voice: Voice) -> None:
    recording = voice()
    first = say(engine, TEXT, voices=(recording,))
    (kept,) = paths.voices_dir().iterdir()
    tensors = load_file(kept)
    assert tensors["gpt_cond_latent"].shape == (1, 32, tiny_xtts.WIDTH)
    assert tensors["speaker_embedding"].shape == (1, 512, 1)
    written = kept.stat().st_ino
    again = say(engine, TEXT, voices=(recording,))
    assert np.array_equal(first.samples, again.samples)
    assert [path.stat().st_ino for path in paths.voices_dir().iterdir()] == [written]
    assert first.outcome.voice == "cloned from your recording"
    assert first.outcome.advice == again.outcome.advice


def test_another_recording_or_one_more_is_another_voice(engine: XttsEngine, say: Say, voice: Voice) -> None:
    low, high = voice("low.wav", 100.0), voice("high.wav", 210.0)
    sounds = [say(engine, TEXT, voices=each).samples for each in ((low,), (high,), (low, high))]
    assert len(list(paths.voices_dir().iterdir())) == 3
    assert not np.array_equal(sounds[0], sounds[1])


def test_advice_on_a_recording_reaches_the_user(engine: XttsEngine, say: Say, voice: Voice) -> None:
    clipped = voice()
    import soundfile

    samples, rate = soundfile.read(clipped)
    soundfile.write(clipped, np.clip(20 * samples, -1, 1), rate)
    advice = say(engine, TEXT, voices=(clipped,)).outcome.advice
    assert any("clipped" in line for line in advice)


def test_a_speaker_is_chosen_by_name(engine: XttsEngine, say: Say, voice: Voice) -> None:
    spoken = say(engine, TEXT, speaker="damien BLACK")
    assert spoken.outcome.voice.startswith("Damien Black")
    with pytest.raises(InputError, match="no speaker 'Nobody'"):
        say(engine, TEXT, speaker="Nobody")
    with pytest.raises(InputError, match="Both a recording and a speaker"):
        say(engine, TEXT, speaker="Damien Black", voices=(voice(),))


def test_weights_without_speakers_ask_for_a_recording(
    checkpoints: Path, tmp_path: Path, say: Say, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "other" / "models" / "xtts-v2"
    shutil.copytree(checkpoints / "models" / "xtts-v2", folder)
    (folder / "speakers_xtts.safetensors").unlink()
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "other"))
    engine = XttsEngine()
    engine.load()
    with pytest.raises(RecordingError, match="no voice of their own"):
        say(engine, TEXT)
    assert say(engine, "Hello.", voices=(voice(),)).outcome.sentences == 1


def test_a_runaway_is_repeated_with_the_reason_and_cut_in_the_end(
    engine: XttsEngine, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    with stopping(engine, -20.0):
        spoken = say(engine, "Hello.")
    reasons = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [reason.partition(" at")[0] for reason in reasons] == [f"Attempt {n} of 3" for n in (1, 2, 3)]
    assert all("did not come to an end" in reason for reason in reasons)
    assert len(spoken.samples) / 24_000 < Bounds("Hello.", "en").most + 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("bias", [3.0, 50.0])
def test_a_sentence_that_stays_silent_is_an_error_with_the_sentence(
    engine: XttsEngine, say: Say, bias: float, stream: bool
) -> None:
    """Whether it has the length of its words or ends at once."""
    decoder = engine.network.model.hifigan_decoder.waveform_decoder.conv_post
    kept = decoder.weight.data.clone()
    decoder.weight.data.zero_()
    try:
        with stopping(engine, bias), pytest.raises(EngineFailed, match=r"silent, 3 times, at: Hello there\."):
            say(engine, TEXT, stream=stream)
    finally:
        decoder.weight.data.copy_(kept)


def test_an_attempt_that_was_over_too_soon_is_repeated(
    engine: XttsEngine, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    with stopping(engine, 50.0):
        say(engine, "A sentence that nobody says in a twentieth of a second.")
    assert "it was over in 0.0 s" in caplog.text


def test_a_long_sentence_is_spoken_in_parts_within_the_languages_limit(engine: XttsEngine, say: Say) -> None:
    text = "今天天气很好我们去公园散步" * 12 + "。"
    said = [done for phase, done, _ in say(engine, text, language="zh-cn").progress if phase == "speaking"]
    assert max(np.diff(said)) <= 82


def test_a_text_whose_words_outgrow_the_model_is_halved(engine: XttsEngine, say: Say) -> None:
    numbers = " ".join(["777777777"] * 24) + "."
    assert say(engine, numbers).outcome.sentences == 1


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_cancelled_in_the_middle_of_a_sentence(engine: XttsEngine, say: Say, stream: bool) -> None:
    cancelled = threading.Event()
    network = engine.network.model.gpt.gpt_inference
    forward = network.forward
    steps = 0

    @functools.wraps(forward)  # transformers looks at its signature
    def count(*arguments: object, **named: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 5:
            cancelled.set()
        return forward(*arguments, **named)

    network.forward = count
    try:
        with stopping(engine, -20.0), pytest.raises(Cancelled):
            say(engine, TEXT, cancelled=cancelled, stream=stream)
    finally:
        del network.forward
    assert steps <= 6


def test_offload_and_back_changes_nothing(engine: XttsEngine, say: Say) -> None:
    before = say(engine, TEXT)
    engine.offload()
    after = say(engine, TEXT)
    assert np.array_equal(before.samples, after.samples)


def test_unload_forgets_and_load_brings_the_same_back(home: Path, say: Say) -> None:
    sounds = []
    for _ in range(2):
        engine = XttsEngine()
        engine.load()
        with stopping(engine, 3.0):
            sounds.append(say(engine, "Hello there.").samples)
        engine.unload()
        assert engine._loaded is None
    assert np.array_equal(sounds[0], sounds[1])


def test_it_is_ready_when_weights_and_licence_are_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    available = XttsEngine.availability()
    assert not available.ready
    assert "non-commercial" in available.lacks
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "empty"))
    assert XttsEngine.availability().remedy == "Run `avatar models fetch xtts-v2`."
    folder = tmp_path / "empty" / "models" / "xtts-v2"
    shutil.copytree(home / "models" / "xtts-v2", folder)
    weights.accept_licence("xtts-v2")
    assert XttsEngine.availability().ready


def test_weights_are_fixed_before_they_are_moved(engine: XttsEngine) -> None:
    assert not any("parametrizations" in name for name, _ in engine.network.model.named_parameters())
