"""Which engine does a stage: the one asked for, else the best that is ready and fits what is wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared_schema.errors import EngineUnavailable, EngineUnknown, InputError, LanguageUnknown
from shared_schema.messages import EngineInfo
from shared_schema.stages import Stage

__all__ = ["ANY_LANGUAGE", "Want", "choose"]

ANY_LANGUAGE = "auto"


@dataclass(frozen=True)
class Want:
    """What an engine must cope with: the input files that there are, the language (a BCP 47 tag) to speak.

    `on_gpu` is whether its worker may use a GPU: an engine made for one is too slow without to be taken
    unasked. `engine` is the one that the user named.
    """

    inputs: Collection[str] = ()
    language: str = ANY_LANGUAGE
    on_gpu: bool = False
    engine: str | None = None


def choose(stage: Stage, engines: Sequence[EngineInfo], want: Want) -> tuple[EngineInfo, str]:
    """An engine of a worker's list (best first), and why it was taken.

    Raises EngineUnknown, EngineUnavailable, LanguageUnknown, or InputError where an input is missing.
    """
    candidates = [engine for engine in engines if engine.stage is stage]
    if want.engine is not None:
        return _named(stage, candidates, want, want.engine), "asked for"
    passed_over: list[str] = []
    for engine in candidates:
        objection = _objection(engine, want)
        if not objection:
            return engine, _reason(candidates, passed_over)
        passed_over.append(objection)
    if not any(_speaks(engine, want.language) and engine.ready for engine in candidates):
        _refuse_language(candidates, want.language)
    raise EngineUnavailable(
        f"No {stage} engine can work: {'; '.join(passed_over)}.", _remedy(stage, candidates, want)
    )


def _remedy(stage: Stage, candidates: list[EngineInfo], want: Want) -> str:
    """What would make the first engine work that can use what there is."""
    for engine in candidates:
        if _missing(engine, want.inputs) or _ignored(engine, want.inputs):
            continue
        if not _speaks(engine, want.language):
            continue
        if not engine.ready:
            return f"{engine.name} would: {engine.remedy}"
        return f"Name {engine.name} to have it all the same."
    return f"See `avatar stage {stage} --list-engines`."


def _named(stage: Stage, candidates: list[EngineInfo], want: Want, name: str) -> EngineInfo:
    for engine in candidates:
        if engine.name == name:
            if not engine.ready:
                raise EngineUnavailable(f"The {name} engine is not ready: {engine.lacks}", engine.remedy)
            if ignored := _ignored(engine, want.inputs):
                raise InputError(
                    f"The {name} engine can make no use of a {' or a '.join(ignored)}.",
                    "Leave it out, or choose another engine.",
                )
            if missing := _missing(engine, want.inputs):
                raise InputError(f"The {name} engine needs a {' and a '.join(missing)}.")
            return engine
    known = ", ".join(engine.name for engine in candidates)
    raise EngineUnknown(f"There is no {stage} engine {name!r}; there are: {known}.")


def _objection(engine: EngineInfo, want: Want) -> str:
    """Why this engine is not taken unasked; empty where it may be."""
    if not engine.ready:
        return f"{engine.name} is not ready: {engine.lacks.rstrip('.')}"
    # First what was given: of a clip that it cannot use, no photo is a poor account.
    if ignored := _ignored(engine, want.inputs):
        return f"{engine.name} can make no use of a {' or a '.join(ignored)}"
    if missing := _missing(engine, want.inputs):
        return f"no {' and no '.join(missing)} was given"
    if not _speaks(engine, want.language):
        return f"{engine.name} does not speak {want.language!r}"
    if engine.gpu is not None and not want.on_gpu:
        return f"{engine.name} is slow without a GPU"
    return ""


def _ignored(engine: EngineInfo, inputs: Collection[str]) -> list[str]:
    return [name for name in inputs if name in engine.ignores]


def _missing(engine: EngineInfo, inputs: Collection[str]) -> list[str]:
    """The needs that nothing meets; a need may name alternatives, "portrait|clip"."""
    unmet = [need.split("|") for need in engine.needs if not set(need.split("|")) & set(inputs)]
    return [" or ".join(alternatives) for alternatives in unmet]


def _speaks(engine: EngineInfo, language: str) -> bool:
    """Whether an engine can be asked for a language; the engine itself has the last word.

    A region that it does not list is its plain language's, unless it lists regions of that language.
    """
    wanted = language.lower().replace("_", "-")
    base = wanted.partition("-")[0]
    listed = {tag.lower() for tag in engine.languages}
    if not listed or wanted == ANY_LANGUAGE or wanted in listed:
        return True
    of_base = {tag for tag in listed if tag.partition("-")[0] == base}
    return of_base == {base} or (base == "zh" and bool(of_base))


def _refuse_language(candidates: list[EngineInfo], language: str) -> None:
    """LanguageUnknown, naming who would speak it; returns where no engine is ready at all."""
    ready = [engine for engine in candidates if engine.ready]
    if not ready:
        return
    spoken = "; ".join(f"{engine.name} speaks {', '.join(engine.languages)}" for engine in ready)
    others = [engine for engine in candidates if not engine.ready and _speaks(engine, language)]
    hint = f"{others[0].name} would: {others[0].remedy}" if others else "Choose one of these with --language."
    raise LanguageUnknown(f"No voice that is ready speaks {language!r}: {spoken}.", hint)


def _reason(candidates: list[EngineInfo], passed_over: list[str]) -> str:
    if passed_over:
        return "; ".join(passed_over)
    if len(candidates) == 1:
        return "the only one"
    return "the best that is ready"
