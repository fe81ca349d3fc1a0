"""The engine `bark`: whose voice, which language, how it comes and goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from shared_schema.errors import EngineUnavailable, InputError, LanguageUnknown
from shared_schema.records import read_timings
from tests.neural.tts.conftest import Say, ending, heard
from tts_worker.engines.bark import LANGUAGES, BarkEngine

TEXT = "Hello there. How are you today, my friend?"
TEXTS = {
    "en": "Good morning.", "zh-cn": "早上好。", "fr": "Bonjour tout le monde.",
    "de": "Guten Morgen zusammen.", "hi": "सुप्रभात।", "it": "Ciao a tutti.",
    "ja": "おはようございます。", "ko": "좋은 아침.", "pl": "Dzień dobry.",
    "pt": "Bom dia a todos.", "ru": "Доброе утро.", "es": "Hola, ¿cómo estás?", "tr": "Merhaba nasılsın?",
}  # fmt: skip


@pytest.fixture
def own_home(bark_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of the weights, to be changed."""
    shutil.copytree(bark_home, tmp_path / "home")
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models" / "bark"


def test_it_speaks_24_000_hz_with_one_of_its_own_voices(bark: BarkEngine, say: Say) -> None:
    spoken = say(bark, TEXT)
    assert spoken.rate == spoken.outcome.sample_rate == 24_000
    assert spoken.outcome.sentences == 2
    assert np.abs(spoken.samples).max() > 300
    first, second = read_timings(spoken.folder / "timings.jsonl")
    assert 0.2 <= first.start < first.end <= first.start + 0.51 < second.start


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_each_of_its_languages(bark: BarkEngine, say: Say, language: str) -> None:
    spoken = say(bark, TEXTS[language], language=language)
    assert (spoken.outcome.language, spoken.outcome.sentences) == (language, 1)


def test_a_language_is_found_out_and_can_be_overruled(bark: BarkEngine, say: Say) -> None:
    assert say(bark, TEXTS["de"], language="auto").outcome.language == "de"
    assert say(bark, TEXTS["de"], language="fr").outcome.language == "fr"
    assert say(bark, TEXTS["zh-cn"], language="zh").outcome.language == "zh-cn"
    with pytest.raises(LanguageUnknown, match="bark does not speak 'sv'"):
        say(bark, "Hej.", language="sv")


def test_the_same_seed_says_the_same_and_another_does_not(bark: BarkEngine, say: Say) -> None:
    first, again, other = (say(bark, TEXT, seed=seed).samples for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("stream", [False, True])
def test_the_sound_is_handed_on_as_it_is_written(bark: BarkEngine, say: Say, stream: bool) -> None:
    spoken = say(bark, TEXT, stream=stream)
    assert b"".join(spoken.chunks) == spoken.samples.astype("<i2").tobytes()


def test_a_stream_says_the_same_as_the_whole(bark: BarkEngine, say: Say) -> None:
    whole, stream = (say(bark, "Hello there.", stream=stream) for stream in (False, True))
    assert len(whole.samples) == len(stream.samples)
    assert np.abs(whole.samples.astype(int) - stream.samples).max() <= 2


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "en_speaker_6"), ("de", "de_speaker_0"), ("zh-cn", "zh_speaker_0")],
)
def test_unasked_a_voice_of_the_language_speaks(bark: BarkEngine, say: Say, language: str, name: str) -> None:
    voice = say(bark, TEXTS[language], language=language).outcome.voice
    assert voice == f"{name}, one of Bark's own"


@pytest.mark.parametrize("speaker", ["v2/en_speaker_0", "en_speaker_0", "V2/EN_Speaker_0", "de_speaker_1"])
def test_a_speaker_is_chosen_by_name_and_may_have_an_accent(bark: BarkEngine, say: Say, speaker: str) -> None:
    spoken = say(bark, TEXT, speaker=speaker)
    assert spoken.outcome.voice.startswith(speaker.lower().removeprefix("v2/"))
    assert not np.array_equal(spoken.samples, say(bark, TEXT).samples)


def test_a_speaker_that_is_not_there_is_refused_with_those_of_the_language(
    bark: BarkEngine, say: Say
) -> None:
    for name in ("en_speaker_9", "nobody", "../en_speaker_0", "v2/"):
        with pytest.raises(InputError, match="no speaker") as caught:
            say(bark, TEXTS["de"], language="de", speaker=name)
        assert caught.value.hint == "There are 5, among them de_speaker_0, de_speaker_1."


def test_without_presets_it_chooses_a_voice_and_goes_on_from_it(own_home: Path, say: Say) -> None:
    shutil.rmtree(own_home / "speaker_embeddings")
    engine = BarkEngine()
    engine.load()
    with ending(engine, 25), heard(engine.network.model.semantic) as calls:
        spoken = say(engine, TEXT)
        again = say(engine, TEXT)
    assert spoken.outcome.voice == "a voice of its own choosing, another for each seed"
    assert np.array_equal(spoken.samples, again.samples)
    first, second = (call["history_prompt"] for call in calls[:2])
    assert first is None
    assert {part: tuple(tokens.shape) for part, tokens in second.items()} == {
        "semantic_prompt": (25,),
        "coarse_prompt": (2, 37),
        "fine_prompt": (8, 37),
    }
    assert calls[2]["history_prompt"] is None
    with pytest.raises(InputError, match=r"no speaker 'en_speaker_6'.*none is here"):
        say(engine, TEXT, speaker="en_speaker_6")


def test_a_hotter_temperature_says_it_in_another_way(bark: BarkEngine, say: Say) -> None:
    as_published, cold, hot = (say(bark, TEXT, temperature=t).samples for t in (0.7, 0.1, 1.9))
    assert np.array_equal(as_published, say(bark, TEXT).samples)
    assert not np.array_equal(as_published, cold)
    assert not np.array_equal(as_published, hot)


@pytest.mark.parametrize("speed", [0.9, 1.5])
def test_another_speed_is_refused_and_not_faked(bark: BarkEngine, say: Say, speed: float) -> None:
    with pytest.raises(InputError, match="bark speaks at one speed"):
        say(bark, TEXT, speed=speed)


def test_offload_and_back_changes_nothing(bark: BarkEngine, say: Say) -> None:
    before = say(bark, TEXT)
    bark.offload()
    after = say(bark, TEXT)
    assert np.array_equal(before.samples, after.samples)


def test_unload_forgets_and_load_brings_the_same_back(own_home: Path, say: Say) -> None:
    sounds = []
    for _ in range(2):
        engine = BarkEngine()
        engine.load()
        with ending(engine, 25):
            sounds.append(say(engine, TEXT).samples)
        engine.unload()
        assert engine._loaded is None
        with pytest.raises(EngineUnavailable, match="not loaded"):
            say(engine, TEXT)
    assert np.array_equal(sounds[0], sounds[1])


def test_it_is_ready_when_packages_and_weights_are_there(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BarkEngine.availability().ready
    with monkeypatch.context() as without:
        without.setattr(BarkEngine, "packages", ("no-such-package",))
        assert BarkEngine.availability().remedy == "Run `avatar envs sync tts --neural`."
        shutil.rmtree(own_home)
        assert BarkEngine.availability().remedy == "Run `avatar models fetch bark --packages`."
    assert BarkEngine.availability().remedy == "Run `avatar models fetch bark`."
    with pytest.raises(EngineUnavailable, match="weights bark are gone"):
        BarkEngine().load()


def test_loading_and_speaking_reach_for_no_network(
    own_home: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_arguments: object, **_named: object) -> None:
        raise AssertionError("it reached for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", deny)
    engine = BarkEngine()
    engine.load()
    with ending(engine, 25):
        assert say(engine, TEXT).outcome.sentences == 2
