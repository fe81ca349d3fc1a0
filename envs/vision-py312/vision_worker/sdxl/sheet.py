"""The contact sheet: all pictures that were drawn on one page, numbered as their files are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from vision_worker.sdxl.candidates import THUMBNAIL, Candidate

__all__ = ["write_sheet"]

_GAP: Final = 12
_LABEL: Final = 22
"""Height of a line below each picture, in pixels."""

_BACK, _INK, _FAINT = (245, 245, 245), (30, 30, 30), (170, 40, 40)
_QUALITY: Final = 90


def write_sheet(path: Path, candidates: Sequence[Candidate]) -> None:
    """Write a JPEG of them, row by row in about a square; those that are not fit carry no number."""
    columns = math.ceil(math.sqrt(len(candidates)))
    rows = math.ceil(len(candidates) / columns)
    cell_width, cell_height = THUMBNAIL + _GAP, THUMBNAIL + _LABEL + _GAP
    page = Image.new("RGB", (columns * cell_width + _GAP, rows * cell_height + _GAP), _BACK)
    draw = ImageDraw.Draw(page)
    # At a larger size the label of the longest seed, of 19 digits, would reach into the next one.
    font = ImageFont.load_default(12)
    for place, one in enumerate(candidates):
        left, top = _GAP + place % columns * cell_width, _GAP + place // columns * cell_height
        height, width = one.thumbnail.shape[:2]
        at = left + (THUMBNAIL - width) // 2, top + (THUMBNAIL - height) // 2
        page.paste(Image.fromarray(one.thumbnail), at)
        told = f"{place + 1}: seed {one.seed}, score {one.judged.score:.0f}"
        draw.text(
            (left, top + THUMBNAIL + 3),
            told if one.fit else f"seed {one.seed}, not fit",
            fill=_INK if one.fit else _FAINT,
            font=font,
        )
    page.save(path, "JPEG", quality=_QUALITY)
