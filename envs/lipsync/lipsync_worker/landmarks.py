"""Which of MediaPipe's 478 face-mesh points is which part of the face.

"Right" is the subject's right, which is the picture's left. Numbers are those of the canonical face
model (mediapipe/modules/face_geometry/data/canonical_face_model.obj).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BESIDE",
    "BROWS",
    "CHIN",
    "COUNT",
    "EYES",
    "FIXED",
    "JAW_LINE",
    "LID_FOLDS",
    "LOWER_RINGS",
    "SYMMETRIC_PAIRS",
    "UPPER_RINGS",
]

COUNT: Final = 478

# Four rings of eleven points from the outer edge of the lips to the inner, each from the right corner
# of the mouth to the left; the corners are shared between the upper and the lower ring.
UPPER_RINGS: Final = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER_RINGS: Final = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)

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

# Upper and lower edge of the opening of the right and the left eye, each from the subject's right to left.
EYES: Final = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
# The fold above the upper lid and the skin below the lower one, in the same order.
LID_FOLDS: Final = (
    ((247, 30, 29, 27, 28, 56, 190), (25, 110, 24, 23, 22, 26, 112)),
    ((414, 286, 258, 257, 259, 260, 467), (341, 256, 252, 253, 254, 339, 255)),
)
BROWS: Final = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
)

SYMMETRIC_PAIRS: Final = ((33, 263), (133, 362), (61, 291), (50, 280), (117, 346), (64, 294))
