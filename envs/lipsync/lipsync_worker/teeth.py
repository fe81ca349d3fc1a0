"""Teeth and tongue as sprites on a small canvas in the plane of the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.contours import edge_cut
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.lips import Lips
from lipsync_worker.palette import Palette
from lipsync_worker.warp import sampled, smoothstep

__all__ = ["Canvas", "drawn_teeth", "photo_teeth", "tongue"]

LEFT, TOP, RIGHT, BOTTOM = -0.32, -0.20, 0.32, 0.36
SHOWN_GAP = 0.025  # lips further apart than this show teeth worth keeping
WIDTHS = (0.060, 0.047, 0.050, 0.042, 0.034, 0.026)  # of upper teeth from the middle, foreshortened sidewards
LOWER_WIDTHS = (0.040, 0.042, 0.046, 0.042, 0.034, 0.026)


@dataclass(frozen=True)
class Canvas:
    """Pixels of a sprite: `scale` of them a face unit, the first at (LEFT, TOP)."""

    scale: float
    width: int
    height: int
    x: Floats
    y: Floats

    @classmethod
    def of(cls, frame: FaceFrame, _lips: Lips) -> Canvas:
        """A canvas as fine as the picture."""
        scale = frame.unit
        width, height = int((RIGHT - LEFT) * scale), int((BOTTOM - TOP) * scale)
        x = LEFT + np.arange(width, dtype=np.float32) / scale
        y = TOP + np.arange(height, dtype=np.float32) / scale
        return cls(scale, width, height, x, y)

    def to_picture(self, frame: FaceFrame, shift: Floats, sway: Floats) -> Floats:
        """The affine matrix (2, 3) from canvas pixels to picture pixels, moved by `shift` face units."""
        plane = frame.axes[:2, :2].T * frame.unit
        start = floats([LEFT, TOP]) + shift
        linear = sway[:, :2] @ plane
        offset = sway[:, :2] @ (plane @ start + frame.origin[:2]) + sway[:, 2]
        return np.concatenate([linear / self.scale, offset[:, None]], axis=1).astype(np.float32)

    def curve(self, columns_x: Floats, columns_y: Floats) -> Floats:
        """A curve through a ring's eleven points, as y for each canvas column."""
        order = np.argsort(columns_x)
        return np.interp(self.x, columns_x[order], columns_y[order]).astype(np.float32)


def photo_teeth(
    canvas: Canvas, lips: Lips, frame: FaceFrame, photo: Floats
) -> tuple[Floats | None, Floats | None]:
    """What the photo shows between the lips: what stays with the skull, and what goes with the jaw.

    Each (h, w, 4) premultiplied, or None where the photo shows nothing of it.
    """
    if lips.shown_gap < SHOWN_GAP:
        return None, None
    still = floats([[1, 0, 0], [0, 1, 0]])
    matrix = canvas.to_picture(frame, np.zeros(2, np.float32), still)
    seen = cv2.warpAffine(
        photo, matrix, (canvas.width, canvas.height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    flat = frame.flat(frame.points[:, :2])
    top = canvas.curve(*flat[[*_ring(lips, 0)]].T)
    bottom = canvas.curve(*flat[[*_ring(lips, 1)]].T)
    split, cavity_between = _split(canvas, floats(seen), top, bottom)

    y = canvas.y[:, None]
    mixed = edge_cut(frame)  # at the lips' edges, where the photo mixes them with the teeth
    inset = mixed + 0.005
    rows = floats(np.clip((np.maximum(y, top + inset) - TOP) * canvas.scale, 0, canvas.height - 1))
    columns = np.broadcast_to(np.arange(canvas.width, dtype=np.float32), rows.shape)
    extended = sampled(seen, np.stack([columns, rows], axis=-1))
    corner = smoothstep(bottom - top, 0.004, 0.03)
    fade = 0.02 if cavity_between else 0.010
    split = split if cavity_between else split - mixed
    alpha = (1 - smoothstep(y, split - fade, split)) * smoothstep(y, top - 0.06, top - 0.03) * corner
    upper = _sprite(extended, alpha)
    if not cavity_between:
        return upper, None
    alpha = smoothstep(y, split, split + 0.03) * (1 - smoothstep(y, bottom - 0.004, bottom + 0.02)) * corner
    return upper, _sprite(floats(seen), alpha)


def _ring(lips: Lips, layer: int) -> list[int]:
    start = layer * 44 + 33
    return lips.indices[start : start + 11]


def _split(canvas: Canvas, seen: Floats, top: Floats, bottom: Floats) -> tuple[Floats, bool]:
    """The line between upper and lower jaw for each column, and whether a dark cavity lies there."""
    light = cv2.GaussianBlur(seen.mean(2), (0, 0), max(canvas.scale * 0.004, 0.6))
    split, depth = bottom.copy(), []
    for column in range(canvas.width):
        first, last = top[column], bottom[column]
        if last - first < 0.02:
            continue
        rows = np.arange(int((first - TOP) * canvas.scale), int((last - TOP) * canvas.scale))
        rows = rows[(rows >= 0) & (rows < canvas.height)]
        profile = light[rows, column]
        middle = slice(int(len(rows) * 0.3), max(int(len(rows) * 0.85), int(len(rows) * 0.3) + 1))
        darkest = int(np.argmin(profile[middle])) + middle.start
        if abs(canvas.x[column]) < 0.1:
            depth.append(float(profile[darkest] / max(profile.max(), 1)))
        split[column] = canvas.y[rows[darkest]]
    if not depth or np.median(depth) > 0.5:
        return bottom, False
    width = int(canvas.scale * 0.12) | 1
    return cv2.blur(split[None], (width, 1))[0], True


def drawn_teeth(canvas: Canvas, lips: Lips, palette: Palette, *, lower: bool) -> Floats:
    """A row of teeth for a photo that shows none, drawn at four times the canvas's resolution."""
    fine = 4
    size = (canvas.width * fine, canvas.height * fine)
    alpha = np.zeros(size[::-1], np.uint8)
    edge = float(lips.line[5, 1]) + 0.026 if lower else float(lips.teeth_edge[5])
    widths = LOWER_WIDTHS if lower else WIDTHS
    for side in (-1, 1):
        x = 0.0
        for number, width in enumerate(widths):
            left, right = sorted((side * (x + 0.0012), side * (x + width - 0.0012)))
            x += width
            bend = 0.10 * ((left + right) / 2) ** 2 * 4
            if lower:
                y0, y1 = edge - 0.002 - bend * 0.5, edge + 0.06
            else:
                y0, y1 = edge - 0.09, edge - bend - (0.003, 0.006, 0.002, 0.006, 0.008, 0.012)[number]
            _tooth(alpha, canvas, (left, y0, right, y1), fine)
    small = cv2.resize(alpha, (canvas.width, canvas.height), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(canvas.scale * 0.0022, 0.5)).astype(np.float32) / 255
    shade = 1 - 0.75 * smoothstep(np.abs(canvas.x), 0.05, 0.24)[None, :]
    depth = 1 - 0.25 * smoothstep(np.abs(canvas.y[:, None] - edge), 0.0, 0.06)
    level = small * shade * depth * (0.72 if lower else 0.94)
    colour = (
        palette.teeth * level[..., None] + palette.tongue * 0.5 * (1 - small[..., None]) * shade[..., None]
    )
    y = canvas.y[:, None]
    if lower:
        cover = smoothstep(y, edge - 0.012, edge + 0.004)
    else:
        cover = 1 - smoothstep(y, edge - 0.016, edge - 0.004)
    whole = np.maximum(small, cover * 0.85) * (1 - smoothstep(np.abs(canvas.x), 0.20, 0.26))[None, :]
    return _sprite(colour, whole.astype(np.float32))


def _tooth(alpha: np.ndarray, canvas: Canvas, box: tuple[float, float, float, float], fine: int) -> None:
    """A rounded rectangle, in face units."""
    scale = canvas.scale * fine
    x0, x1 = (int((v - LEFT) * scale) for v in (box[0], box[2]))
    y0, y1 = (int((v - TOP) * scale) for v in (box[1], box[3]))
    radius = max(int((x1 - x0) * 0.20), 1)
    for dx in (0, 1):
        for dy in (0, 1):
            centre = (x1 - radius if dx else x0 + radius, y1 - radius if dy else y0 + radius)
            cv2.circle(alpha, centre, radius, 255, -1)
    cv2.rectangle(alpha, (x0 + radius, y0), (x1 - radius, y1), 255, -1)
    cv2.rectangle(alpha, (x0, y0 + radius), (x1, y1 - radius), 255, -1)


def tongue(canvas: Canvas, lips: Lips, palette: Palette) -> Floats:
    """A soft tongue lying in the lower jaw, its tip towards the teeth."""
    line = float(lips.line[5, 1])
    x, y = canvas.x[None, :], canvas.y[:, None]
    radius = np.sqrt((x / 0.135) ** 2 + ((y - line - 0.10) / 0.075) ** 2)
    alpha = 1 - smoothstep(radius, 0.72, 1.02)
    light = 0.95 - 0.4 * smoothstep(radius, 0.2, 1.0) - 0.10 * np.exp(-((x / 0.012) ** 2))
    return _sprite(palette.tongue * light[..., None], alpha.astype(np.float32))


def _sprite(colour: Floats, alpha: Floats) -> Floats:
    alpha = np.clip(alpha, 0, 1)
    return np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
