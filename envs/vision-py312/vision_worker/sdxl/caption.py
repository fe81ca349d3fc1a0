"""What a drawn PNG says of itself, so that it can be drawn again: words, seed, settings, checkpoint."""

from __future__ import annotations

import json

from vision_worker.sdxl.painting import Plan

__all__ = ["caption"]

SOFTWARE = "avatar pipeline"


def caption(plan: Plan, seed: int, checkpoint: str, adapters: list[tuple[str, float]]) -> dict[str, str]:
    """Text chunks by keyword. `adapters` are digests of LoRA files and their scales.

    `parameters` is written as AUTOMATIC1111's web UI does, since that is what viewers of such pictures read.
    """
    settings = {
        "Steps": plan.steps,
        "Sampler": plan.scheduler,
        "CFG scale": f"{plan.guidance:g}",
        "Seed": seed,
        "Size": f"{plan.width}x{plan.height}",
        "Model": _quoted(checkpoint),
        **({"Denoising strength": f"{plan.strength:g}"} if plan.photo is not None else {}),
        **({"Refiner": "SDXL refiner"} if plan.refine else {}),
        **(
            {"Lora hashes": " ".join(f"{digest[:12]}*{scale:g}" for digest, scale in adapters)}
            if adapters
            else {}
        ),
    }
    lines = [plan.words.prompt]
    if plan.words.negative:
        lines.append(f"Negative prompt: {plan.words.negative}")
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    return {"parameters": "\n".join(lines), "Software": SOFTWARE}


def _quoted(text: str) -> str:
    """As that UI does: in quotation marks where the text would end its field."""
    return json.dumps(text, ensure_ascii=False) if set(text) & set(',:\n"') else text
