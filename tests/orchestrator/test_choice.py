"""Of a worker's engines the best that can work is taken, and the reason is told."""

from __future__ import annotations

import pytest

from orchestrator.choice import choose
from shared_schema.errors import EngineUnavailable, EngineUnknown, InputError
from shared_schema.messages import EngineInfo
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
    engine, why = choose(Stage.PORTRAIT, ENGINES, {"photo"})
    assert engine.name == "photo"
    assert why == "sdxl is not ready: It lacks its weights."


def test_an_engine_whose_input_is_missing_is_passed_over() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES[2:], set())
    assert (engine.name, why) == ("sample", "no photo was given")


def test_the_first_of_several_is_called_the_best() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES[2:], {"photo"})
    assert (engine.name, why) == ("photo", "the best that is ready")


def test_the_only_one_is_called_so() -> None:
    assert choose(Stage.FACE, ENGINES, {"portrait"})[1] == "the only one"


def test_one_can_be_asked_for() -> None:
    engine, why = choose(Stage.PORTRAIT, ENGINES, {"photo"}, "sample")
    assert (engine.name, why) == ("sample", "asked for")


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(EngineUnknown, match=r"no portrait engine 'x'; there are: sdxl, photo, sample"):
        choose(Stage.PORTRAIT, ENGINES, set(), "x")


def test_one_asked_for_that_is_not_ready_says_what_it_lacks_and_how_to_get_it() -> None:
    with pytest.raises(
        EngineUnavailable, match=r"sdxl engine is not ready: It lacks its weights\. Fetch them"
    ):
        choose(Stage.PORTRAIT, ENGINES, set(), "sdxl")


def test_one_asked_for_without_its_input_is_refused() -> None:
    with pytest.raises(InputError, match="photo engine needs a photo"):
        choose(Stage.PORTRAIT, ENGINES, set(), "photo")


def test_where_none_can_work_each_is_told() -> None:
    with pytest.raises(EngineUnavailable, match=r"sdxl is not ready.*no photo was given"):
        choose(Stage.PORTRAIT, ENGINES[:3], set())
