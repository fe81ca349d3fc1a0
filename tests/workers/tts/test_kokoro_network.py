"""The graph is given what Kokoro expects; weights that do not fit are refused; an inference can end."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shared_schema.engine import Context
from shared_schema.errors import Cancelled, WeightsError
from shared_schema.messages import Task
from shared_schema.stages import SpeechParams, Stage
from tests.workers.tts import tiny_kokoro
from tts_worker.kokoro.network import MOST_SYMBOLS, Network, load
from tts_worker.phonemiser import shared

TASK = Task("t", 1, Stage.SPEECH, "kokoro", "/nowhere", {}, SpeechParams())
CLOSE = 10 * tiny_kokoro.NOISE


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load(tiny_kokoro.make(tmp_path_factory.mktemp("models") / "kokoro"))


@pytest.mark.parametrize("voice", ["af_heart", "bm_george"])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("phonemes", ["A", "həlˈO.", "hˌW ˈɑɹ ju, mˌI fɹˈɛnd?", "ab" * 254 + "c"])
def test_the_graph_is_given_pads_the_style_of_so_many_symbols_and_the_speed(
    network: Network, phonemes: str, speed: float, voice: str
) -> None:
    samples = network.sound(phonemes, network.voice(voice), speed, Context(TASK))
    ids = [0, *(tiny_kokoro.vocabulary()[symbol] for symbol in phonemes), 0]
    style = tiny_kokoro.styles(tiny_kokoro.VOICES.index(voice))[len(phonemes)]
    expected = tiny_kokoro.tones(ids, style, speed)
    assert samples.shape == expected.shape
    assert np.abs(samples - expected).max() < CLOSE
    neighbour = tiny_kokoro.tones(ids, tiny_kokoro.styles(0)[len(phonemes) - 1], speed)
    assert np.abs(samples - neighbour).max() > 10 * CLOSE


def test_the_most_symbols_take_the_last_style(network: Network) -> None:
    samples = network.sound("ˈ" * MOST_SYMBOLS, network.voice("af_heart"), 1.0, Context(TASK))
    expected = tiny_kokoro.tones([0, *[156] * MOST_SYMBOLS, 0], tiny_kokoro.styles(0)[509], 1.0)
    assert np.abs(samples - expected).max() < CLOSE


@pytest.mark.parametrize("british", [False, True])
def test_what_the_phonemiser_writes_reaches_the_model_stresses_and_stops_too(
    network: Network, british: bool
) -> None:
    phonemes = shared(british=british)('Well: "the bird", he said; the water (cold) — really? Yes! Go…')
    assert network.known(phonemes) == phonemes
    assert set(phonemes) >= set('ˈˌ:",;(—?!…)') - {'"'}


def test_symbols_that_the_model_never_learnt_are_left_out(network: Network) -> None:
    assert network.known("h$ʀə1l-O") == "həlO"


def test_all_that_the_british_phonemiser_can_write_is_known(network: Network) -> None:
    phonemiser = shared(british=True)
    lists = phonemiser._phonemise.lexicon
    read = {
        symbol for each in (lists.golds, lists.silvers) for value in each.d.values() for symbol in _all(value)
    }
    # A few words have a symbol that no voice here learnt.
    assert set(network.known("".join(read))) == read - set("ʀ")
    assert set("ɒQːa") <= read


def _all(value: str | dict[str, str | None] | None) -> str:
    """The symbols of an entry of the word lists, which may have one for each part of speech."""
    return value or "" if not isinstance(value, dict) else "".join(filter(None, value.values()))


def test_only_english_voices_are_offered(network: Network) -> None:
    assert list(network.voices) == ["af_heart", "am_michael", "bf_emma", "bm_george"]


def rename_the_speed(folder: Path) -> None:
    model = onnx.load(folder / "onnx/model.onnx")
    for names in (model.graph.input, *(node.input for node in model.graph.node)):
        for index, each in enumerate(names):
            if each == "speed":
                names[index] = "pace"
            elif getattr(each, "name", "") == "speed":
                each.name = "pace"
    onnx.save(model, folder / "onnx/model.onnx")


def speed_in_whole_numbers(folder: Path) -> None:
    model = onnx.load(folder / "onnx/model.onnx")
    (speed,) = (each for each in model.graph.input if each.name == "speed")
    speed.type.tensor_type.elem_type = TensorProto.INT64
    for node in model.graph.node:
        node.input[:] = ["speed_as_float" if name == "speed" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Cast", ["speed"], ["speed_as_float"], to=TensorProto.FLOAT))
    onnx.save(model, folder / "onnx/model.onnx")


def no_waveform(folder: Path) -> None:
    model = onnx.load(folder / "onnx/model.onnx")
    model.graph.node[-1].output[0] = model.graph.output[0].name = "audio"
    onnx.save(model, folder / "onnx/model.onnx")


def cut_off(folder: Path) -> None:
    path = folder / "onnx/model.onnx"
    path.write_bytes(path.read_bytes()[:-900])


def vocabulary(content: object) -> Callable[[Path], object]:
    return lambda folder: (folder / "tokenizer.json").write_text(json.dumps(content))


def no_voices(folder: Path) -> None:
    for path in (folder / "voices").glob("[ab]*.bin"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "onnx/model.onnx").unlink(), "lack onnx/model.onnx"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "lack tokenizer.json"),
        (lambda folder: (folder / "onnx/model.onnx").write_bytes(b"no graph"), "graph .* cannot be used"),
        (lambda folder: (folder / "onnx/model.onnx").write_bytes(b""), "graph .* cannot be used"),
        (cut_off, "graph .* is damaged: it ends within a field"),
        (rename_the_speed, "no graph of Kokoro's: it has .*pace tensor"),
        (speed_in_whole_numbers, r"no graph of Kokoro's: it has .*speed tensor\(int64\)"),
        (no_waveform, "no graph of Kokoro's: it has .*audio tensor"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "vocabulary .* is damaged"),
        (vocabulary({"vocab": {"$": 0}}), "vocabulary .* is damaged: .*`model`"),
        (vocabulary({"model": {"vocab": {"$": "0"}}}), "vocabulary .* is damaged: Expected `int`"),
        (vocabulary({"model": {"vocab": {"a": 43}}}), r"lacks '\$', which pads"),
        (
            lambda folder: (folder / "voices/bf_emma.bin").write_bytes(b"0" * 2048),
            "bf_emma.bin has 2048 bytes, not",
        ),
        (no_voices, "no English voice"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_words(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    folder = tiny_kokoro.make(tmp_path / "kokoro")
    damage(folder)
    with pytest.raises(WeightsError, match=message) as caught:
        load(folder)
    assert caught.value.hint == "Run `avatar models verify kokoro`, and fetch it again."
    assert "\n" not in str(caught.value)


def test_a_voice_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    network = load(tiny_kokoro.make(tmp_path / "kokoro"))
    np.full((510, 256), np.nan, "<f4").tofile(network.voices["bf_emma"])
    with pytest.raises(WeightsError, match=r"bf_emma.bin is damaged"):
        network.voice("bf_emma")
    assert network.voice("af_heart").shape == (510, 256)


class SetLater(threading.Event):
    """A cancellation that comes while an inference runs: at the third look."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = itertools.count(1)

    def is_set(self) -> bool:
        return next(self.looks) >= 3


def test_an_inference_that_would_take_for_ever_is_cancelled_within(tmp_path: Path) -> None:
    network = load(tiny_kokoro.make(tmp_path / "kokoro", graph=endless()))
    with pytest.raises(Cancelled):
        network.sound("A", network.voice("af_heart"), 1.0, Context(TASK, cancelled=SetLater()))


def endless() -> onnx.ModelProto:
    """The tiny graph, its sound turned over 10^12 times before it is given."""
    model = tiny_kokoro.model()
    model.graph.node[-1].output[0] = "once"
    names = ("turn", "going", "before"), ("still", "after")
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["still"]), helper.make_node("Neg", ["before"], ["after"])],
        "turning",
        [
            helper.make_tensor_value_info(names[0][0], TensorProto.INT64, []),
            helper.make_tensor_value_info(names[0][1], TensorProto.BOOL, []),
            helper.make_tensor_value_info(names[0][2], TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(names[1][0], TensorProto.BOOL, []),
            helper.make_tensor_value_info(names[1][1], TensorProto.FLOAT, None),
        ],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(10**12), "times"))
    model.graph.node.append(helper.make_node("Loop", ["times", "", "once"], ["waveform"], body=body))
    return model
