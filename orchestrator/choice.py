"""Which engine does a stage: the one asked for, else the best that is ready and has what it needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared_schema.errors import EngineUnavailable, EngineUnknown, InputError
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage

__all__ = ["choose"]


def choose(
    stage: Stage, engines: Sequence[EngineInfo], inputs: Collection[str], wanted: str | None = None
) -> tuple[EngineInfo, str]:
    """An engine of a worker's list (best first) for a stage with these input files, and why it was taken.

    Raises EngineUnknown, EngineUnavailable, or InputError where an input is missing.
    """
    candidates = [engine for engine in engines if engine.stage is stage]
    if wanted is not None:
        return _named(stage, candidates, inputs, wanted), "asked for"
    passed_over = []
    for engine in candidates:
        missing = _missing(engine, inputs)
        if not engine.ready:
            passed_over.append(f"{engine.name} is not ready: {engine.lacks}")
        elif missing:
            passed_over.append(f"no {' and no '.join(missing)} was given")
        else:
            return engine, _reason(candidates, passed_over)
    raise EngineUnavailable(
        f"No {stage} engine can work: {'; '.join(passed_over)}", f"See `avatar stage {stage} --list-engines`."
    )


def _named(stage: Stage, candidates: list[EngineInfo], inputs: Collection[str], wanted: str) -> EngineInfo:
    for engine in candidates:
        if engine.name == wanted:
            if not engine.ready:
                raise EngineUnavailable(f"The {wanted} engine is not ready: {engine.lacks}", engine.remedy)
            if missing := _missing(engine, inputs):
                raise InputError(f"The {wanted} engine needs a {' and a '.join(missing)}.")
            return engine
    known = ", ".join(engine.name for engine in candidates)
    raise EngineUnknown(f"There is no {stage} engine {wanted!r}; there are: {known}.")


def _missing(engine: EngineInfo, inputs: Collection[str]) -> list[str]:
    return [need for need in engine.needs if need not in inputs]


def _reason(candidates: list[EngineInfo], passed_over: list[str]) -> str:
    if passed_over:
        return "; ".join(passed_over)
    if len(candidates) == 1:
        return "the only one"
    return "the best that is ready"
