"""How noise becomes a picture: diffusers' schedulers by the names that people know them by."""

from __future__ import annotations

from typing import Any, Final

import diffusers

from shared_schema.stages import Scheduler

__all__ = ["make", "named"]

_KINDS: Final[dict[Scheduler, tuple[str, dict[str, Any]]]] = {
    Scheduler.EULER: ("EulerDiscreteScheduler", {}),
    Scheduler.EULER_A: ("EulerAncestralDiscreteScheduler", {}),
    Scheduler.DDIM: ("DDIMScheduler", {}),
    Scheduler.DPMPP: ("DPMSolverMultistepScheduler", {}),
    Scheduler.DPMPP_KARRAS: ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    Scheduler.UNIPC: ("UniPCMultistepScheduler", {}),
    Scheduler.LCM: ("LCMScheduler", {}),
    # Lin, Wang and Yang 2024: its steps are counted from the noisy end.
    Scheduler.LIGHTNING: ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
}


def named(own: Any) -> Scheduler:
    """What people call a checkpoint's own scheduler; AUTO where they have no name for it here."""
    # Those that change more first: without its change a scheduler is also the plain one.
    for name, (kind, changes) in sorted(_KINDS.items(), key=lambda item: -len(item[1][1])):
        if type(own).__name__ == kind and all(own.config.get(key) == value for key, value in changes.items()):
            return name
    return Scheduler.AUTO


def make(wanted: Scheduler, own: Any) -> Any:
    """A new scheduler of this kind with the betas of the checkpoint's `own`; each has one picture's state."""
    if wanted is Scheduler.AUTO:
        return type(own).from_config(own.config)
    name, changes = _KINDS[wanted]
    return getattr(diffusers, name).from_config(own.config, **changes)
