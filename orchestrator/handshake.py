"""Whether a process that says Hello is the one that was started, of this checkout, and where it should be."""

from __future__ import annotations

from orchestrator.process import Launch
from shared_schema import SCHEMA_VERSION
from shared_schema.errors import HandshakeRefused
from shared_schema.messages import Hello

__all__ = ["refusal"]


def refusal(hello: Hello, launch: Launch, token: str) -> HandshakeRefused | None:
    """What is wrong with a Hello, both sides' values in the message; None where nothing is.

    `token` is the secret that the process was started with.
    """
    name = launch.name
    reason = ""
    if hello.token != token:
        reason = f"A stranger said Hello as the {name} worker."
    elif hello.schema != SCHEMA_VERSION:
        reason = f"The {name} worker speaks schema {hello.schema}, the orchestrator {SCHEMA_VERSION}."
    elif hello.worker != name:
        reason = f"The {name} environment holds the {hello.worker} worker."
    elif launch.python and not hello.python.startswith(f"{launch.python}."):
        reason = f"The {name} worker runs on Python {hello.python}; it must be {launch.python}."
    elif launch.lock and hello.lock and launch.lock != hello.lock:
        reason = f"The {name} environment was installed from another lock than the checkout's."
    if reason:
        return HandshakeRefused(reason, f"Run `avatar envs sync {name}`.")
    if hello.device != launch.device:
        return HandshakeRefused(
            f"The {name} worker sees {hello.device}; it was started for {launch.device}.",
            "Check that its environment's CUDA works with this driver, or set AVATAR_DEVICE=cpu.",
        )
    return None
