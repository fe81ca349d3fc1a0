"""Which of the points of MediaPipe's face mesh are the lips and the eyes: what several stages must agree on.

"Right" is the subject's right, which is the picture's left. Numbers are those of the canonical face model
(mediapipe/modules/face_geometry/data/canonical_face_model.obj).
"""

from __future__ import annotations

from typing import Final

__all__ = ["EYES", "LOWER_RINGS", "POINT_COUNT", "UPPER_RINGS"]

POINT_COUNT: Final = 478
"""Points of a face, those of the irises among them."""

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

# Upper and lower edge of the opening of the right and the left eye, each from the subject's right to left.
EYES: Final = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
