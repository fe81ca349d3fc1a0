"""Of a worker's engines the best that can work is taken, and the reason is told."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.choice import Want, choose
from shared_schema.errors import EngineUnavailable, EngineUnknown, InputError, LanguageUnknown
from shared_schema.messages import EngineInfo, Memory
from shared_schema.stages import Stage


def info(
    name: str, *, ready: bool = True, needs: tuple[str, ...] = (), stage: Stage = Stage.PORTRAIT
) -> EngineInfo:
    lacks = "" if ready else "It lacks its weights."
    return EngineInfo(name, stage, "1", "", ready=ready, lacks=lacks, remedy="Fetch them.", needs=list(needs))


ENGINES = [
    info("mediapipe", stage=Stage.FACE),
    info("sdxl", ready=False),
    info("photo", needs=("photo",)),
    info("sample"),
]


def test_the_best_that_is_ready_is_taken_with_the_reason() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES, Want({"photo"}))
    assert engine.name == "photo"
    assert why == "sdxl is not ready: It lacks its weights"


def test_an_engine_whose_input_is_missing_is_passed_over() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES[2:], Want())
    assert (engine.name, why) == ("sample", "no photo was given")


def test_the_first_of_several_is_called_the_best() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES[2:], Want({"photo"}))
    assert (engine.name, why) == ("photo", "the best that is ready")


def test_the_only_one_is_called_so() -> None:
    assert choose(Stage.FACE, ENGINES, Want({"portrait"}))[1] == "the only one"


def test_one_can_be_asked_for() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES, Want({"photo"}, engine="sample"))
    assert (engine.name, why) == ("sample", "asked for")


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(EngineUnknown, match=r"no portrait engine 'x'; there are: sdxl, photo, sample"):
        choose(Stage.PORTRAIT, ENGINES, Want(engine="x"))


def test_one_asked_for_that_is_not_ready_says_what_it_lacks_and_how_to_get_it() -> None:
    with pytest.raises(
        EngineUnavailable, match=r"sdxl engine is not ready: It lacks its weights\. Fetch them"
    ):
        choose(Stage.PORTRAIT, ENGINES, Want(engine="sdxl"))


def test_one_asked_for_without_its_input_is_refused() -> None:
    with pytest.raises(InputError, match="photo engine needs a photo"):
        choose(Stage.PORTRAIT, ENGINES, Want(engine="photo"))


def test_where_none_can_work_each_is_told() -> None:
    with pytest.raises(EngineUnavailable, match=r"sdxl is not ready.*no photo was given"):
        choose(Stage.PORTRAIT, ENGINES[:3], Want())


DRAWING = Want({"prompt"})


def portraits(*, ready: bool) -> list[EngineInfo]:
    """As the worker lists them: only the first can use a prompt."""
    sdxl = info("sdxl", ready=ready, needs=("prompt",))
    photo, sample = info("photo", needs=("photo",)), info("sample")
    return [
        msgspec.structs.replace(sdxl, gpu=Memory(3)),
        msgspec.structs.replace(photo, ignores=["prompt", "lora"]),
        msgspec.structs.replace(sample, ignores=["photo", "prompt", "lora"]),
    ]


def test_a_prompt_that_no_engine_can_use_yet_is_answered_with_the_remedy() -> None:
    with pytest.raises(EngineUnavailable, match="sample can make no use of a prompt") as caught:
        choose(Stage.PORTRAIT, portraits(ready=False), DRAWING)
    assert caught.value.hint == "sdxl would: Fetch them."


def test_an_engine_that_is_only_slow_may_be_named() -> None:
    with pytest.raises(EngineUnavailable, match="sdxl is slow without a GPU") as caught:
        choose(Stage.PORTRAIT, portraits(ready=True), DRAWING)
    assert caught.value.hint == "Name sdxl to have it all the same."
    named = Want({"prompt"}, engine="sdxl")
    assert choose(Stage.PORTRAIT, portraits(ready=True), named)[0].name == "sdxl"
    on_gpu = Want({"prompt"}, on_gpu=True)
    assert choose(Stage.PORTRAIT, portraits(ready=True), on_gpu)[0].name == "sdxl"


def test_where_no_engine_could_use_what_was_given_the_list_is_named() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        choose(Stage.PORTRAIT, portraits(ready=True), Want({"lora"}))
    assert caught.value.hint == "See `avatar stage portrait --list-engines`."


def voice(
    name: str, *languages: str, ready: bool = True, gpu: bool = False, ignores: tuple[str, ...] = ()
) -> EngineInfo:
    return EngineInfo(
        name,
        Stage.SPEECH,
        "1",
        "",
        ready=ready,
        lacks="" if ready else "It lacks its weights.",
        remedy="Fetch them.",
        languages=list(languages),
        ignores=list(ignores),
        gpu=Memory(3) if gpu else None,
    )


VOICES = [
    voice("xtts", "en", "de", "pt", "zh-cn", gpu=True),
    voice("kokoro", "en", ignores=("voice",)),
    voice("hibari", "en", "en-us"),
]


@pytest.mark.parametrize(
    ("want", "name"),
    [
        (Want({"text"}, "en", on_gpu=True), "xtts"),
        (Want({"text"}, "en"), "kokoro"),
        (Want({"text", "voice"}, "en"), "hibari"),
        (Want({"text"}, "de", on_gpu=True), "xtts"),
        (Want({"text"}, "pt-BR", on_gpu=True), "xtts"),
        (Want({"text"}, "zh_TW", on_gpu=True), "xtts"),
        (Want({"text"}, "en-us"), "kokoro"),
        (Want({"text"}, "auto"), "kokoro"),
        (Want({"text"}, "de", engine="xtts"), "xtts"),
    ],
)
def test_the_voice_fits_the_language_the_recording_and_the_device(want: Want, name: str) -> None:
    assert choose(Stage.SPEECH, VOICES, want)[0].name == name


def test_why_better_voices_were_not_taken_is_told() -> None:
    _, why = choose(Stage.SPEECH, VOICES, Want({"text", "voice"}, "en"))
    assert why == "xtts is slow without a GPU; kokoro can make no use of a voice"


def test_a_language_that_no_voice_speaks_is_refused_with_what_they_speak() -> None:
    with pytest.raises(LanguageUnknown, match="hibari speaks en, en-us") as caught:
        choose(Stage.SPEECH, VOICES[1:], Want({"text"}, "sv"))
    assert caught.value.hint == "Choose one of these with --language."


def test_a_voice_that_would_speak_the_language_is_offered_with_its_remedy() -> None:
    lacking = [voice("xtts", "de", ready=False), *VOICES[1:]]
    with pytest.raises(LanguageUnknown) as caught:
        choose(Stage.SPEECH, lacking, Want({"text"}, "de"))
    assert caught.value.hint == "xtts would: Fetch them."


def test_a_language_that_only_a_slow_voice_speaks_is_no_unknown_language() -> None:
    for voices in (VOICES, VOICES[::-1]):
        with pytest.raises(EngineUnavailable, match="xtts is slow without a GPU") as caught:
            choose(Stage.SPEECH, voices, Want({"text"}, "de"))
        assert caught.value.hint == "Name xtts to have it all the same."


def test_a_recording_given_to_a_voice_that_cannot_follow_it_is_refused() -> None:
    with pytest.raises(InputError, match="kokoro engine can make no use of a voice"):
        choose(Stage.SPEECH, VOICES, Want({"text", "voice"}, engine="kokoro"))


def dubbers(*, ready: bool) -> list[EngineInfo]:
    neural = info("musetalk", ready=ready, needs=("portrait|clip", "speech"), stage=Stage.LIPSYNC)
    photo = info("talking-photo", needs=("portrait", "face", "speech"), stage=Stage.LIPSYNC)
    return [neural, msgspec.structs.replace(photo, ignores=["clip"])]


DUBBING = Want({"clip", "shots", "track", "speech"})


def test_a_clip_is_taken_by_an_engine_that_needs_a_portrait_or_a_clip() -> None:
    assert choose(Stage.LIPSYNC, dubbers(ready=True), DUBBING)[0].name == "musetalk"


def test_a_clip_that_no_engine_can_use_yet_is_answered_with_the_remedy() -> None:
    with pytest.raises(EngineUnavailable, match="talking-photo can make no use of a clip") as caught:
        choose(Stage.LIPSYNC, dubbers(ready=False), DUBBING)
    assert "no portrait" not in caught.value.message
    assert caught.value.hint == "musetalk would: Fetch them."


def test_a_clip_given_to_an_engine_for_photos_is_refused() -> None:
    wanted = Want(DUBBING.inputs, engine="talking-photo")
    with pytest.raises(InputError, match="talking-photo engine can make no use of a clip"):
        choose(Stage.LIPSYNC, dubbers(ready=True), wanted)
