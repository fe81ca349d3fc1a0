"""One task of the sdxl engine, from the prompt to the files: plan, draw until fit, frame, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from shared_schema.engine import Context
from shared_schema.errors import InputError, TextError
from shared_schema.messages import Task
from shared_schema.records import write_face
from shared_schema.stages import Aspect, PortraitOutcome, PortraitParams, Scheduler
from vision_worker.canvas import paint
from vision_worker.choice import choose
from vision_worker.faces import FaceFinder
from vision_worker.framing import frame
from vision_worker.images import Pixels, read_photo
from vision_worker.portrait import write_portrait
from vision_worker.sdxl import schedulers, words
from vision_worker.sdxl.adapters import digests
from vision_worker.sdxl.candidates import Candidate, draw_until_fit
from vision_worker.sdxl.caption import caption
from vision_worker.sdxl.critic import Critic
from vision_worker.sdxl.network import Network
from vision_worker.sdxl.painting import Plan, Studio
from vision_worker.sdxl.shapes import size_of
from vision_worker.sdxl.sheet import write_sheet
from vision_worker.segmentation import Segmenter

__all__ = ["draw_portraits"]


def draw_portraits(
    network: Network, finder: FaceFinder, segmenter: Segmenter, task: Task, context: Context
) -> PortraitOutcome:
    """Draw what a task asks for; see `SdxlEngine.run`. Its params are PortraitParams."""
    params = task.params
    assert isinstance(params, PortraitParams)  # noqa: S101 - the engine has looked
    plan, wish = _plan(network, finder, params, context), params.drawing
    # From noise, a closed mouth costs no more than another seed; that of a photo is as it is.
    critic = Critic(finder, segmenter, params, context, strict=plan.photo is None)
    studio = Studio(network, plan, context)
    candidates = draw_until_fit(
        studio.draw, critic.judge, context, first=task.seed, count=wish.count, tries=wish.tries
    )
    fit = [one for one in candidates if one.fit]
    _write(fit, plan, network, task, context)
    if wish.count > 1:
        write_sheet(context.output("sheet", "sheet.jpg"), candidates)
    return _outcome(candidates, _advice(network, plan, params), network, wish.count)


def _outcome(
    candidates: Sequence[Candidate], advice: list[str], network: Network, wanted: int
) -> PortraitOutcome:
    fit = [one for one in candidates if one.fit]
    if len(fit) < wanted:
        advice.append(f"Only {len(fit)} of {wanted} pictures were fit: raise --tries.")
    best = fit[0].judged
    assert best.framed is not None  # noqa: S101 - that is what fit means
    return PortraitOutcome(
        best.framed.width,
        best.framed.height,
        f"drawn by {network.checkpoint.name}, seed {fit[0].seed}",
        round(best.score, 1),
        [*advice, *best.advice],
        [one.drawn for one in candidates],
    )


def _plan(network: Network, finder: FaceFinder, params: PortraitParams, context: Context) -> Plan:
    wish, manner = params.drawing, network.manner
    width, height = size_of(params.aspect, network.native_side)
    path = context.optional_input("photo")
    if path is not None and wish.refine:
        raise InputError(
            "The refiner finishes what is drawn from noise.", "Leave out the photo, or --refine."
        )
    return Plan(
        words.words(_read_prompt(context.input("prompt")), wish.negative, wish.style),
        width,
        height,
        manner.steps if wish.steps is None else wish.steps,
        manner.guidance if wish.guidance is None else wish.guidance,
        _scheduler(network, wish.scheduler),
        None if path is None else _photo(finder, path, params, (width, height)),
        wish.strength,
        wish.refine,
        wish.preview,
    )


def _scheduler(network: Network, wanted: Scheduler) -> Scheduler:
    """The one that was asked for, else the manner's, else the checkpoint's own by its name."""
    for scheduler in (wanted, network.manner.scheduler):
        if scheduler is not Scheduler.AUTO:
            return scheduler
    return schedulers.named(network.own_scheduler)


def _read_prompt(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TextError("The prompt is not UTF-8 text.") from error


def _photo(finder: FaceFinder, path: Path, params: PortraitParams, size: tuple[int, int]) -> Pixels:
    """A photo as it is drawn from, (height, width, 3): cut around its face, or its middle without one."""
    pixels = read_photo(path).pixels
    faces = finder.find(pixels)
    aspect = Aspect.SQUARE if params.aspect is Aspect.PHOTO else params.aspect
    if faces:
        face = choose(faces, params.face)
        height, width = pixels.shape[:2]
        pixels = paint(pixels, frame(face.box, face.eye_level, (width, height), aspect, min(size)))
    return _filled(pixels, size)


def _filled(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The middle of a picture, of this width and height."""
    height, width = pixels.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    inner_width, inner_height = round(size[0] / scale), round(size[1] / scale)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    inner = pixels[top : top + inner_height, left : left + inner_width]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(inner, size, interpolation=how), np.uint8)


def _advice(network: Network, plan: Plan, params: PortraitParams) -> list[str]:
    """What of the wish has no effect."""
    told = []
    cut = words.left_out(plan.words.prompt, network.painter.tokenizer)
    if cut:
        told.append(f"The prompt is too long for SDXL, which does not read: {cut}.")
    cut = words.left_out(plan.words.negative, network.painter.tokenizer)
    if params.drawing.negative and plan.guidance <= 1:
        told.append("The negative prompt has no effect without guidance above 1.")
    elif cut and plan.guidance > 1:
        told.append(f"What not to draw is too long for SDXL, which does not read: {cut}.")
    return told


def _write(fit: Sequence[Candidate], plan: Plan, network: Network, task: Task, context: Context) -> None:
    for number, one in enumerate(fit, 1):
        assert one.judged.framed is not None  # noqa: S101 - that is what fit means
        framed = one.judged.framed
        suffix = "" if number == 1 else f"-{number}"
        text = caption(plan, one.seed, network.checkpoint.name, digests(task))
        write_portrait(framed, context, name=f"portrait{suffix}", filename=f"portrait{suffix}.png", text=text)
        mesh = framed.face.mesh(framed.width, framed.height)
        write_face(context.output(f"face{suffix}", f"face{suffix}.json"), mesh)
    context.progress("writing", 1, 1)
