"""How lips, jaw and chin move for a pose: displacements of landmarks in the face's own units.

The photo's expression is first undone as far as speech needs it (parted lips meet, the corners of a smile
come in), then the pose is put on. Amplitudes are shares of the face's width (about 140 mm in an adult), in
the order of what is measured in speech (Badin et al. 2002) and then tuned by eye.
"""

from __future__ import annotations

import numpy as np

from lipsync_worker.arrays import Floats, floats
from lipsync_worker.contours import edge_cut
from lipsync_worker.face_frame import FaceFrame
from lipsync_worker.landmarks import CHIN, FIXED, JAW_LINE
from lipsync_worker.pose import Param
from lipsync_worker.warp import smoothstep
from shared_schema.mesh import LOWER_RINGS, UPPER_RINGS

__all__ = ["Lips"]

JAW_DROP = 0.158
PUCKER_TRAVEL = 0.068  # of the corners: further, the cheeks would be seen to be drawn along
NEUTRAL_HALF_WIDTH = 0.19  # of the lips' outer corners, as it is in most faces at rest
MEETING_SMILE, MEETING_OPEN = 0.48, 0.18  # where parted lips meet, 0 upper to 1 lower: a smile has lifted the
# upper lip from clenched teeth, an open jaw has taken the lower lip down
RING_SHARE = floats([0, 1 / 3, 2 / 3, 1])[:, None]  # from the outer edge of a lip to the inner


class Lips:
    """Motion of one face's mouth. Rows of a motion are `indices`: both lips, jaw line, chin, what stays."""

    def __init__(self, frame: FaceFrame) -> None:
        self.indices = [
            *(i for ring in UPPER_RINGS for i in ring),
            *(i for ring in LOWER_RINGS for i in ring),
            *JAW_LINE,
            *CHIN,
            *FIXED,
        ]
        self.upper = frame.local[np.array(UPPER_RINGS)]
        self.lower = frame.local[np.array(LOWER_RINGS)]
        self.skin = frame.local[[*JAW_LINE, *CHIN]]
        self.half_width = float(self.upper[0, -1, 0] - self.upper[0, 0, 0]) / 2
        self.rest_gap = np.maximum(self.lower[3, :, 1] - self.upper[3, :, 1], 0)
        self.across = self._across()
        self._fixed = np.zeros((len(FIXED), 3), np.float32)
        self.shown_gap = float(self.rest_gap[5]) - 2 * edge_cut(frame)
        self.jaw_open = float(smoothstep(floats(self.shown_gap), 0.10, 0.14))
        meeting = MEETING_SMILE + self.jaw_open * (MEETING_OPEN - MEETING_SMILE)
        self.line = self.upper[3] + meeting * (self.lower[3] - self.upper[3])
        shown = float(smoothstep(floats(self.shown_gap), 0.02, 0.04)) * (1 - self.jaw_open)
        edge = self.lower[3, :, 1] - edge_cut(frame) - 0.002
        self.teeth_edge = shown * edge + (1 - shown) * (self.line[:, 1] + 0.022)

    def _across(self) -> Floats:
        """Where each column of the rings stands between the corners, -1 to 1."""
        x = (self.upper[3, :, 0] + self.lower[3, :, 0]) / 2
        middle = (x[0] + x[-1]) / 2
        return np.asarray((x - middle) / max((x[-1] - x[0]) / 2, 1e-6), np.float32)

    def motion(self, pose: Floats) -> Floats:
        """Displacements (N, 3) in face units, rows as `indices`, for one row of `Poses`."""
        upper = np.zeros_like(self.upper)
        lower = np.zeros_like(self.lower)
        self._relax(pose, upper, lower)
        self._open(pose, upper, lower)
        self._round(pose, upper, lower)
        self._tuck(pose, upper, lower)
        self._part(upper, lower)
        upper[:, [0, -1]] = lower[:, [0, -1]] = (upper[:, [0, -1]] + lower[:, [0, -1]]) / 2
        skin = self._skin(pose)
        return np.concatenate([upper.reshape(-1, 3), lower.reshape(-1, 3), skin, self._fixed])

    def _relax(self, pose: Floats, upper: Floats, lower: Floats) -> None:
        """Undo the photo's expression: the inner edges meet, the corners of a smile come in and down."""
        up, down = self.line[:, 1] - self.upper[3, :, 1], self.line[:, 1] - self.lower[3, :, 1]
        upper[:, :, 1] += up * (0.55 + 0.45 * RING_SHARE)
        lower[:, :, 1] += down * (0.6 + 0.4 * RING_SHARE)
        smile = max(self.half_width - NEUTRAL_HALF_WIDTH, 0.0)
        relaxed = 0.2 + 0.4 * float(pose[Param.RELAX]) + 0.2 * float(pose[Param.CLOSE])
        scale = 1 - relaxed * smile / self.half_width
        for lip, rest in ((upper, self.upper), (lower, self.lower)):
            lip[:, :, 0] += rest[:, :, 0] * (scale - 1)
        rise = max(float(self.line[5, 1] - self.line[[0, -1], 1].mean()) - 0.01, 0.0)
        fall = min(0.9 * relaxed + 0.4 * float(pose[Param.ROUND]), 1.0) * rise * np.abs(self.across) ** 2
        upper[:, :, 1] += fall
        lower[:, :, 1] += fall

    def _open(self, pose: Floats, upper: Floats, lower: Floats) -> None:
        """Jaw, raised and lowered lip; `CLOSE` keeps the edges together and presses them."""
        jaw, shut = float(pose[Param.JAW]), float(pose[Param.CLOSE])
        side = np.abs(self.across)
        arch = 1 - side**2.4
        drop = JAW_DROP * jaw * (1 - 0.3 * float(pose[Param.ROUND])) + 0.03 * float(pose[Param.LOWER])
        lift = 0.008 * jaw + 0.026 * float(pose[Param.RAISE])
        carried = 0.25 * drop * side**3  # the corners go down with the jaw
        open_lips = 1 - shut
        lower[:, :, 1] += drop * open_lips * arch * (0.9 + 0.1 * RING_SHARE) + carried * open_lips
        upper[:, :, 1] -= lift * open_lips * arch * (0.55 + 0.45 * RING_SHARE) - carried * open_lips
        thick_upper = self.line[:, 1] - self.upper[0, :, 1]
        thick_lower = self.lower[0, :, 1] - self.line[:, 1]
        press = shut * arch * (1 - RING_SHARE)
        upper[:, :, 1] += 0.12 * press * thick_upper
        lower[:, :, 1] += press * (0.04 * jaw - 0.16 * thick_lower)

    def _round(self, pose: Floats, upper: Floats, lower: Floats) -> None:
        """Corners in and lips forward, or corners out."""
        wide, shut = float(pose[Param.WIDE]), float(pose[Param.CLOSE])
        pucker = float(pose[Param.ROUND]) * (1 - 0.35 * shut)
        inwards = min(0.36, PUCKER_TRAVEL / self.half_width)
        scale = (1 - inwards * pucker) * (1 + 0.13 * wide) * (1 - 0.05 * float(pose[Param.JAW])) - 1
        for lip, rest in ((upper, self.upper), (lower, self.lower)):
            lip[:, :, 0] += (rest[:, :, 0] + lip[:, :, 0]) * scale
            lip[:, :, 2] -= 0.05 * pucker * (1 - self.across**2)
        arch = (1 - self.across**2) * (1 - RING_SHARE)
        upper[:, :, 1] -= 0.014 * pucker * arch - 0.020 * pucker * (1 - self.across**2) * RING_SHARE
        lower[:, :, 1] += 0.018 * pucker * arch

    def _tuck(self, pose: Floats, upper: Floats, lower: Floats) -> None:
        """Lower lip to the edge of the upper teeth, upper lip clear of them."""
        dental = float(pose[Param.DENTAL])
        if dental == 0:
            return
        arch = 1 - np.abs(self.across) ** 3
        edge = np.minimum(self.teeth_edge - 0.004, self.line[:, 1] + 0.018)
        lower_target = edge - (self.lower[3, :, 1] + lower[3, :, 1])
        upper_target = edge - 0.030 - (self.upper[3, :, 1] + upper[3, :, 1])
        lower[:, :, 1] += dental * arch * lower_target * (0.75 + 0.25 * RING_SHARE)
        lower[0, :, 1] -= dental * arch * 0.012
        upper[:, :, 1] += dental * arch * upper_target * (0.4 + 0.6 * RING_SHARE)

    def _part(self, upper: Floats, lower: Floats) -> None:
        """Lips press on each other, they never pass: where the edges would cross, both stop halfway."""
        crossing = self.upper[3, :, 1] + upper[3, :, 1] - self.lower[3, :, 1] - lower[3, :, 1]
        half = np.maximum(crossing, 0) / 2
        upper[:, :, 1] -= half * RING_SHARE
        lower[:, :, 1] += half * RING_SHARE

    def _skin(self, pose: Floats) -> Floats:
        """Jaw line and chin: they follow the jaw in the middle and stay at its angles."""
        jaw, shut = float(pose[Param.JAW]), float(pose[Param.CLOSE])
        drop = 0.9 * JAW_DROP * jaw * (1 - 0.6 * shut)
        raised = float(self.line[5, 1] - self.lower[3, 5, 1])
        drop += 0.25 * raised - 0.5 * self.jaw_open * float(self.rest_gap[5])
        skin = np.zeros_like(self.skin)
        skin[:, 1] = drop * np.cos(np.clip(np.abs(self.skin[:, 0]) / 0.42, 0, 1) * np.pi / 2)
        return skin
