"""What `make test` runs: one session an environment, the cheap ones first.

The root's sessions run in `./.venv`; each worker's in a copy of its environment under `.nox/`, made from
`requirements-test.lock`. `nox -s tts -- -k silence` runs one part of one session.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from orchestrator.environments import ENVIRONMENTS, Environment, prepare  # noqa: E402 - once it can be found
from orchestrator.relock import check_locks  # noqa: E402
from orchestrator.uv import RegistryUnreachable  # noqa: E402
from shared_schema.errors import AvatarError  # noqa: E402

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False
nox.options.sessions = [
    "lint",
    "schema-3.11",
    "schema-3.12",
    "orchestrator",
    "tts",
    "vision",
    "lipsync",
    "torch",
    "tts-neural",
    "tts-fork",
    "vision-neural",
    "lipsync-neural",
    "pipeline",
    "locks",
]

ROOT_ENVIRONMENT = ENVIRONMENTS["orchestrator"]
WORKERS = ("tts", "vision", "lipsync")
ROOT_TESTS = [f"tests/{folder}" for folder in ("bench", "faults", "orchestrator", "shared_schema")]
WORKER_TESTS = {
    "tts": ["tests/workers/tts", "tests/neural/tts"],
    "vision": [
        "tests/workers/vision",
        "tests/neural/vision",
        "tests/pipeline/metrics.py",
        "tests/support/judge.py",
    ],
    "lipsync": ["tests/workers/lipsync", "tests/neural/lipsync"],
}
"""What is checked against which environment's packages."""

LINTED = "neural-test"
"""The kind of environment whose packages the types are checked against."""


def ready(session: nox.Session, environment: Environment, kind: str) -> Environment:
    """The environment, set up as `kind`."""
    try:
        prepare([environment], kind)
    except AvatarError as error:
        session.error(str(error))
    return environment


def root(session: nox.Session) -> Environment:
    """The orchestrator's environment, with the tools."""
    return ready(session, ROOT_ENVIRONMENT, "dev")


def worker(session: nox.Session, name: str, kind: str = "test") -> Environment:
    """A worker's environment, apart from the one a user runs."""
    return ready(session, ENVIRONMENTS[name].elsewhere(ROOT / ".nox" / f"{name}-{kind}"), kind)


def run(session: nox.Session, environment: Environment, *arguments: str, **variables: str) -> None:
    """Run Python in an environment, out of reach of the caller's settings."""
    session.run(
        str(environment.python_path),
        *arguments,
        # Small nets and small pictures: more threads cost more than they bring.
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": None, "VIRTUAL_ENV": None, **variables},
    )


def test(session: nox.Session, environment: Environment, folders: Sequence[str]) -> None:
    """Run the tests in these folders."""
    run(session, environment, "-m", "pytest", *folders, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types, each worker's against the packages of its own environment."""
    tools = root(session)
    run(session, tools, "-m", "ruff", "check")
    run(session, tools, "-m", "ruff", "format", "--check")
    run(session, tools, "-m", "mypy", "orchestrator", "shared_schema", "noxfile.py", *ROOT_TESTS)
    for name in WORKERS:
        environment = worker(session, name, LINTED)
        run(
            session, tools, "-m", "mypy",
            "--python-executable", str(environment.python_path), "--python-version", environment.python,
            str(environment.folder / f"{name}_worker"), *WORKER_TESTS[name],
            MYPYPATH=f"{ROOT}:{environment.folder}",
        )  # fmt: skip
    environment = worker(session, "tts-fork", LINTED)
    run(
        session, tools, "-m", "mypy",
        "--python-executable", str(environment.python_path), "--python-version", environment.python,
        str(environment.folder / "tts_fork_worker"), "tests/neural/tts_fork",
        MYPYPATH=f"{ROOT}:{environment.folder}:{environment.shares}",
    )  # fmt: skip


@nox.session(name="schema-3.11")
def schema_on_the_oldest(session: nox.Session) -> None:
    """What is said on the socket, on the interpreter of the speech worker."""
    test(session, worker(session, "tts"), ["tests/shared_schema"])


@nox.session(name="schema-3.12")
def schema_on_the_newest(session: nox.Session) -> None:
    """The same on the orchestrator's."""
    test(session, root(session), ["tests/shared_schema"])


@nox.session
def orchestrator(session: nox.Session) -> None:
    """The orchestrator, and the faults it must survive."""
    test(session, root(session), ["tests/orchestrator", "tests/faults"])


@nox.session
def tts(session: nox.Session) -> None:
    """The speech worker's engines."""
    test(session, worker(session, "tts"), ["tests/workers/tts"])


@nox.session
def vision(session: nox.Session) -> None:
    """The picture worker's engines."""
    test(session, worker(session, "vision"), ["tests/workers/vision"])


@nox.session
def lipsync(session: nox.Session) -> None:
    """The lip-sync worker's engines."""
    test(session, worker(session, "lipsync"), ["tests/workers/lipsync"])


@nox.session
def torch(session: nox.Session) -> None:
    """Moving weights, with the torch of the neural environments: types and behaviour."""
    environment = worker(session, "vision", "neural-test")
    run(
        session, root(session), "-m", "mypy",
        # torch annotates much, but not all.
        "--allow-untyped-calls", "--no-warn-return-any", "--no-warn-unreachable",
        "--python-executable", str(environment.python_path),
        "shared_schema/packing.py", "shared_schema/residence.py", "tests/torch",
    )  # fmt: skip
    test(session, environment, ["tests/torch"])


@nox.session(name="tts-neural")
def neural_voices(session: nox.Session) -> None:
    """The neural voices: real loading and generating code on tiny random weights."""
    test(session, worker(session, "tts", "neural-test"), ["tests/neural/tts"])


@nox.session(name="tts-fork")
def fork(session: nox.Session) -> None:
    """The same voice through the maintained fork, on Python 3.12."""
    original = worker(session, "tts", "neural-test")
    environment = worker(session, "tts-fork", "neural-test")
    run(
        session, environment, "-m", "pytest", "tests/neural/tts_fork", *session.posargs,
        AVATAR_TEST_TTS_PYTHON=str(original.python_path),
    )  # fmt: skip


@nox.session(name="vision-neural")
def neural_pictures(session: nox.Session) -> None:
    """SDXL: real loading and drawing code on tiny random weights."""
    test(session, worker(session, "vision", "neural-test"), ["tests/neural/vision"])


@nox.session(name="lipsync-neural")
def neural_lips(session: nox.Session) -> None:
    """MuseTalk and Wav2Lip: real loading and generating code on tiny random weights."""
    test(session, worker(session, "lipsync", "neural-test"), ["tests/neural/lipsync"])


@nox.session
def pipeline(session: nox.Session) -> None:
    """The whole way: the real command, in the environments that a user runs."""
    environment = root(session)
    for name in WORKERS:
        ready(session, ENVIRONMENTS[name], "base")
    test(session, environment, ["tests/pipeline"])


@nox.session
def locks(session: nox.Session) -> None:
    """That the locks follow from their pyproject.toml; this alone asks the package registry each time."""
    try:
        check_locks(ENVIRONMENTS)
    except RegistryUnreachable as error:
        session.skip(
            f"The package registry cannot be reached, so the locks were not compared. {error.message}"
        )
    except AvatarError as error:
        session.error(str(error))
    session.log("Each lock follows from its pyproject.toml.")
