"""A picture with what was found in it: contours and boxes drawn onto it, sentences on a panel below."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from shared_schema.stages import Verdict
from vision_worker.choice import subjects
from vision_worker.contours import EYES, LIPS, OVAL
from vision_worker.face import Face
from vision_worker.fitness import Fitness
from vision_worker.images import Pixels

__all__ = ["COLOURS", "MAX_SIDE", "annotated", "save_annotated"]

MAX_SIDE: Final = 1024
"""Longer side of the picture that is drawn on, in pixels."""

COLOURS: Final = {Verdict.GOOD: (40, 150, 70), Verdict.POOR: (200, 125, 0), Verdict.BAD: (205, 35, 50)}

_OTHER: Final = (90, 90, 90)
"""Faces that are not the one in question."""

_PANEL: Final = (250, 250, 250)
_INK: Final = (25, 25, 25)
_MIN_WIDTH: Final = 512
"""A narrower picture stands in the middle of a panel of this width: a sentence needs the room."""

_MARGIN, _TEXT, _LEADING, _COLUMN = 14, 17, 24, 56
"""Of the panel, in pixels: margin, size of the letters, distance of lines, where the sentences begin."""

_SEVERITY: Final = (Verdict.GOOD, Verdict.POOR, Verdict.BAD)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def save_annotated(pixels: Pixels, faces: Sequence[Face], fitness: Fitness, path: Path) -> None:
    """Write the annotated picture as PNG, its pixels and nothing else."""
    annotated(pixels, faces, fitness).save(path, format="PNG")


def annotated(pixels: Pixels, faces: Sequence[Face], fitness: Fitness) -> Image.Image:
    """The picture (H, W, 3), at most `MAX_SIDE` long, with the faces and, below it, the findings.

    Where there are several faces to choose from, their boxes carry the numbers that choose them.
    """
    picture, scale = _reduced(pixels)
    _draw_faces(picture, subjects(faces), fitness, scale)
    width = max(picture.width, _MIN_WIDTH)
    font = ImageFont.load_default(_TEXT)
    lines = list(_lines(fitness, font, width - _MARGIN - _COLUMN - _MARGIN))
    height = picture.height + 2 * _MARGIN + _LEADING * len(lines)
    sheet = Image.new("RGB", (width, height), _PANEL)
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    for row, (verdict, words, indent) in enumerate(lines):
        y = picture.height + _MARGIN + row * _LEADING
        if verdict is not None:
            draw.text((_MARGIN, y), verdict.value, font=font, fill=COLOURS[verdict])
        draw.text((_MARGIN + indent, y), words, font=font, fill=_INK)
    return sheet


def _reduced(pixels: Pixels) -> tuple[Image.Image, float]:
    """The picture, scaled down if it must be, and the scale."""
    image = Image.fromarray(pixels)
    scale = min(1.0, MAX_SIDE / max(image.size))
    if scale == 1.0:
        return image, scale
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0), scale


def _draw_faces(picture: Image.Image, faces: Sequence[Face], fitness: Fitness, scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    verdicts = {mark.check: mark.verdict for mark in fitness.marks}
    worst = max(verdicts.values(), key=_SEVERITY.index)
    for number, found in enumerate(faces, start=1):
        face, colour = found.moved(scale, 0, 0), COLOURS[worst]
        if found is fitness.face:
            _draw_contours(draw, face, verdicts)
        elif fitness.face is not None:
            colour = _OTHER
        draw.rectangle(face.box, outline=colour, width=2)
        if len(faces) > 1:
            _draw_number(draw, number, face, colour)


def _draw_contours(draw: ImageDraw.ImageDraw, face: Face, verdicts: dict[str, Verdict]) -> None:
    """Lips and eyes in the colours of their own verdicts, the oval in that of the worst of the others."""
    rest = max(
        (verdict for check, verdict in verdicts.items() if check not in {"mouth", "eyes"}),
        key=_SEVERITY.index,
    )
    parts: list[tuple[NDArray[np.float64], Verdict]] = [
        *((face.points[[*eye, eye[0]]], verdicts["eyes"]) for eye in EYES),
        *((face.points[list(edge)], verdicts["mouth"]) for edge in LIPS),
        (face.points[[*OVAL, OVAL[0]]], rest),
    ]
    for points, verdict in parts:
        line = [(float(x), float(y)) for x, y in points[:, :2]]
        draw.line(line, fill=COLOURS[verdict], width=max(1, round(face.width / 160)))


def _draw_number(draw: ImageDraw.ImageDraw, number: int, face: Face, colour: tuple[int, int, int]) -> None:
    """The number on a plate inside the upper left corner of the face's box."""
    font = ImageFont.load_default(2 * _TEXT)
    left, top = max(0.0, face.box[0]), max(0.0, face.box[1])
    plate = draw.textbbox((left + 6, top + 4), str(number), font=font)
    draw.rectangle((left, top, plate[2] + 6, plate[3] + 6), fill=colour)
    draw.text((left + 6, top + 4), str(number), font=font, fill=(255, 255, 255))


def _lines(fitness: Fitness, font: Font, room: int) -> Iterator[tuple[Verdict | None, str, int]]:
    """The panel's lines: the verdict that stands before one, its words, and where they begin."""
    fit = "fit for lip-sync" if fitness.fit else "not fit for lip-sync"
    yield None, f"{fitness.score:.0f} of 100, {fit}", 0
    for mark in sorted(fitness.marks, key=lambda mark: -_SEVERITY.index(mark.verdict)):
        for first, line in _wrapped(mark.words, font, room):
            yield mark.verdict if first else None, line, _COLUMN


def _wrapped(words: str, font: Font, room: int) -> Iterator[tuple[bool, str]]:
    """The words in lines that fit into so many pixels, and whether each is the first."""
    line, first = "", True
    for word, following in itertools.pairwise([*words.split(), ""]):
        line = f"{line} {word}".strip()
        if not following or font.getlength(f"{line} {following}") > room:
            yield first, line
            line, first = "", False
