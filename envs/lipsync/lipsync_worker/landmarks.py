"""Which points of the face mesh move with which part of it; lips and eyes are in `shared_schema.mesh`.

"Right" is the subject's right, which is the picture's left. Numbers are those of the canonical face
model (mediapipe/modules/face_geometry/data/canonical_face_model.obj).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BESIDE",
    "BROWS",
    "CHIN",
    "FIXED",
    "JAW_LINE",
    "LID_FOLDS",
    "SYMMETRIC_PAIRS",
]

JAW_LINE: Final = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
CHIN: Final = (200, 199, 175, 201, 421, 208, 428, 171, 396, 140, 369, 32, 262)

# What stays while the mouth moves: nose, cheek bones, the ears' side, below the eyes.
FIXED: Final = (
    1, 2, 4, 5, 195, 98, 327, 129, 358, 64, 294, 102, 331,
    50, 280, 117, 346, 118, 347, 119, 348, 123, 352, 101, 330,
    234, 454, 93, 323, 132, 361, 127, 356, 116, 345, 227, 447, 137, 366, 177, 401,
)  # fmt: skip

# Skin beside the corners of the mouth, where what is above and what is below the lips must move alike.
BESIDE: Final = (
    57, 287, 43, 273, 186, 410, 216, 436, 212, 432, 202, 422, 214, 434, 207, 427, 187, 411,
    204, 424, 210, 430, 92, 322, 106, 335, 192, 416, 135, 364, 169, 394,
)  # fmt: skip

# The fold above the upper lid and the skin below the lower one, in the order of `shared_schema.mesh.EYES`.
LID_FOLDS: Final = (
    ((247, 30, 29, 27, 28, 56, 190), (25, 110, 24, 23, 22, 26, 112)),
    ((414, 286, 258, 257, 259, 260, 467), (341, 256, 252, 253, 254, 339, 255)),
)
BROWS: Final = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
)

SYMMETRIC_PAIRS: Final = ((33, 263), (133, 362), (61, 291), (50, 280), (117, 346), (64, 294))
