"""The engine `kokoro`: whose voice, whose accent, how fast; long sentences, streams, cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shared_schema.engine import Context, file_reference
from shared_schema.errors import (
    Cancelled,
    EngineFailed,
    EngineUnavailable,
    InputError,
    LanguageUnknown,
)
from shared_schema.messages import Task
from shared_schema.stages import SpeechOutcome, SpeechParams, Stage
from tests.workers.tts import tiny_kokoro
from tests.workers.tts.tiny_kokoro import Overheard, listening
from tts_worker.engines import ENGINES
from tts_worker.engines.hibari import HibariEngine
from tts_worker.engines.kokoro import KokoroEngine
from tts_worker.engines.xtts import XttsEngine
from tts_worker.kokoro.network import Network, load
from tts_worker.level import edged
from tts_worker.narration import LEAD

Make = Callable[..., Any]

TEXT = "Hello there. How are you today, my friend?"
LONG = "We went to the market, " + "and then to the harbour, where we saw the boats, " * 6 + "and so on."
NUMBERS = " ".join(["777777777"] * 24) + "."
RATE = 24_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that holds the tiny Kokoro as `avatar models` would have installed it."""
    home = tmp_path_factory.mktemp("home")
    tiny_kokoro.make(home / "models" / "kokoro")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def engine(home: Path) -> KokoroEngine:
    engine = KokoroEngine()
    engine.load()
    return engine


@pytest.fixture
def say(run_engine: Make, engine: KokoroEngine, script: Make, read: Make) -> Make:
    """`say(text, **params)`: the outcome and the samples."""

    def run(text: str, **params: Any) -> tuple[SpeechOutcome, np.ndarray]:
        done = run_engine(engine, SpeechParams(**params), text=script(text))
        return done.outcome, read(done.files)[0]

    return run


@pytest.fixture
def overheard(engine: KokoroEngine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Overheard]:
    """`overheard(enough=1000, network=None)`: the engine's network, or this one, overheard from now on."""

    def listen(enough: int = 1_000, network: Network | None = None) -> Overheard:
        network = network or engine.network
        assert network is not None
        heard = listening(network, enough)
        monkeypatch.setattr(engine, "_loaded", heard)
        return heard

    return listen


def expected(phonemes: str, voice: str, speed: float = 1.0) -> npt.NDArray[np.float64]:
    """The tones of these phonemes as the engine should hand them on, silence off the ends."""
    ids = [0, *(tiny_kokoro.vocabulary()[symbol] for symbol in phonemes), 0]
    style = tiny_kokoro.styles(tiny_kokoro.VOICES.index(voice))[len(phonemes)]
    raw = tiny_kokoro.tones(ids, style, speed).astype(np.float32)
    return np.concatenate(list(edged([raw], RATE)))


def assert_said(samples: np.ndarray, tones: np.ndarray, at: float = LEAD) -> None:
    """Assert that these tones begin `at` so many seconds, give or take three samples."""
    begin = round(at * RATE)
    differences = [
        np.abs(samples[begin + shift : begin + shift + len(tones)] - tones).max() for shift in range(-3, 4)
    ]
    assert min(differences) < 0.01


def test_it_is_listed_between_the_voice_that_clones_and_the_small_one() -> None:
    at = ENGINES.index(KokoroEngine)
    assert ENGINES.index(XttsEngine) < at < ENGINES.index(HibariEngine)
    assert (KokoroEngine.stage, KokoroEngine.ignores, KokoroEngine.gpu) == (Stage.SPEECH, ("voice",), None)


def test_it_speaks_24_000_hz_and_says_whose_voice_it_is(
    run_engine: Make, engine: KokoroEngine, script: Make, read: Make
) -> None:
    run = run_engine(engine, SpeechParams(), text=script(TEXT))
    assert (run.outcome.sample_rate, run.outcome.sentences, run.outcome.language) == (24_000, 2, "en")
    assert run.outcome.voice == "af_heart, one of Kokoro's own"
    samples, _ = read(run.files)
    assert len(samples) == run.outcome.samples
    assert_said(samples, expected("həlˈO ðˈɛɹ.", "af_heart"))


def test_each_sentence_has_its_times_also_where_no_word_is_found_in_the_sound(
    run_engine: Make, engine: KokoroEngine, script: Make, read: Make
) -> None:
    samples, utterances = read(run_engine(engine, SpeechParams(), text=script(TEXT)).files)
    assert [spoken.text for spoken in utterances] == ["Hello there.", "How are you today, my friend?"]
    assert utterances[0].start == pytest.approx(LEAD, abs=0.06)
    assert utterances[0].end < utterances[1].start < utterances[1].end < len(samples) / RATE


@pytest.mark.parametrize(
    ("language", "speaker", "voice", "phonemes"),
    [
        ("en", "", "af_heart", "wˈɔTəɹ!"),
        ("en-us", "", "af_heart", "wˈɔTəɹ!"),
        ("en-GB", "", "bf_emma", "wˈɔːtə!"),
        ("en", "am_michael", "am_michael", "wˈɔTəɹ!"),
        ("en", "BM_George", "bm_george", "wˈɔːtə!"),
        ("en-us", "bm_george", "bm_george", "wˈɔTəɹ!"),
        ("en-gb", "am_michael", "am_michael", "wˈɔːtə!"),
    ],
)
def test_the_region_decides_how_words_are_read_and_without_one_the_voice_does(
    say: Make, language: str, speaker: str, voice: str, phonemes: str
) -> None:
    outcome, samples = say("Water!", language=language, speaker=speaker)
    assert outcome.voice.startswith(voice)
    assert_said(samples, expected(phonemes, voice))


@pytest.mark.parametrize("speaker", ["nobody", "ff_siwis"])
def test_an_unknown_speaker_is_refused_with_some_that_there_are(say: Make, speaker: str) -> None:
    with pytest.raises(InputError, match=f"no speaker '{speaker}'.* There are 4, among them af_heart"):
        say("Yes.", speaker=speaker)


def test_without_the_best_voices_the_first_of_the_accent_speaks(
    run_engine: Make, script: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "other"))
    tiny_kokoro.make(tmp_path / "other" / "models" / "kokoro", ["am_puck", "am_adam", "bm_lewis", "bm_fable"])
    engine = KokoroEngine()
    engine.load()
    for language, voice in (("en", "am_adam"), ("en-us", "am_adam"), ("en-gb", "bm_fable")):
        run = run_engine(engine, SpeechParams(language=language), text=script("Yes."))
        assert run.outcome.voice.startswith(voice)


@pytest.mark.parametrize("speed", [0.5, 1.25, 2.0])
def test_the_model_itself_speaks_faster_or_slower(say: Make, speed: float) -> None:
    assert_said(say("Water!", speed=speed)[1], expected("wˈɔTəɹ!", "af_heart", speed))


def test_a_temperature_is_refused(say: Make) -> None:
    with pytest.raises(InputError, match="it has no temperature"):
        say("Yes.", temperature=0.5)


def test_other_languages_are_refused(say: Make) -> None:
    with pytest.raises(LanguageUnknown, match="kokoro does not speak 'fr'; it speaks en, en-us, en-gb"):
        say("Bonjour.", language="fr")
    assert say(TEXT, language="auto")[0].language == "en"


def test_a_sentence_sounds_the_same_whatever_the_seed_and_whatever_was_said_before(
    run_engine: Make, engine: KokoroEngine, script: Make, read: Make
) -> None:
    alone = [
        run_engine(engine, SpeechParams(), seed=seed, text=script("Hello there."))
        .files["speech"]
        .read_bytes()
        for seed in (1, 2)
    ]
    assert alone[0] == alone[1]
    files = run_engine(engine, SpeechParams(), text=script("Some other words. Hello there.")).files
    samples, utterances = read(files)
    assert_said(samples, expected("həlˈO ðˈɛɹ.", "af_heart"), utterances[1].start)
    again = run_engine(engine, SpeechParams(), text=script("Some other words. Hello there.")).files
    assert files["speech"].read_bytes() == again["speech"].read_bytes()


def test_a_stream_says_the_same_as_the_whole(run_engine: Make, engine: KokoroEngine, script: Make) -> None:
    whole, stream = (
        run_engine(engine, SpeechParams(stream=stream), text=script(TEXT)).files["speech"].read_bytes()
        for stream in (False, True)
    )
    assert whole == stream


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_cancelled_in_the_middle_of_a_sentence(
    engine: KokoroEngine, overheard: Make, script: Make, tmp_path: Path, stream: bool
) -> None:
    heard = overheard(enough=1)
    path = script(LONG if stream else NUMBERS)
    inputs = {"text": file_reference(path, tmp_path)}
    params = SpeechParams(stream=stream)
    task = Task("t", 1, Stage.SPEECH, "kokoro", str(tmp_path), inputs, params)
    context = Context(task, cancelled=heard.cancelled)
    with pytest.raises(Cancelled):
        engine.run(task, context)
    assert len(heard.said) == 1
    context.discard_outputs()
    assert not (tmp_path / "speech.wav").exists()


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"loudness": 0.0}, "Kokoro stayed silent at: Hello there"),
        ({"noise": float("nan")}, "numbers that are no sound"),
        ({"noise": float("inf")}, "numbers that are no sound"),
    ],
)
def test_a_sound_that_is_none_is_an_error_with_the_reason(
    overheard: Make, say: Make, tmp_path: Path, graph: dict[str, float], message: str
) -> None:
    overheard(network=load(tiny_kokoro.make(tmp_path / "kokoro", graph=tiny_kokoro.model(**graph))))
    for stream in (False, True):
        with pytest.raises(EngineFailed, match=message):
            say("Hello there.", stream=stream)


def test_offload_unload_and_load_again_change_nothing(home: Path, run_engine: Make, script: Make) -> None:
    engine = KokoroEngine()
    engine.load()
    path = script(TEXT)
    first = run_engine(engine, SpeechParams(), text=path)
    engine.offload()
    second = run_engine(engine, SpeechParams(), text=path)
    engine.unload()
    with pytest.raises(EngineUnavailable, match="not loaded"):
        run_engine(engine, SpeechParams(), text=path)
    engine.load()
    third = run_engine(engine, SpeechParams(), text=path)
    content = first.files["speech"].read_bytes()
    assert content == second.files["speech"].read_bytes() == third.files["speech"].read_bytes()


def test_without_weights_it_says_how_to_fetch_them(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KokoroEngine.availability().ready
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path / "empty"))
    available = KokoroEngine.availability()
    assert not available.ready
    assert available.remedy == "Run `avatar models fetch kokoro`."
    with pytest.raises(EngineUnavailable, match="avatar models fetch kokoro"):
        KokoroEngine().load()


def test_a_missing_package_is_named_with_its_remedy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KokoroEngine, "packages", ("no-such-package",))
    available = KokoroEngine.availability()
    assert "no-such-package" in available.lacks
    assert available.remedy == "Run `avatar envs sync tts`."
