"""Looks at each picture that was drawn: whether it can be lip-synced, and its portrait if so."""

from __future__ import annotations

from shared_schema.engine import Context
from shared_schema.errors import FaceError
from shared_schema.stages import PortraitParams
from vision_worker import fitness
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.portrait import frame_portrait
from vision_worker.sdxl.candidates import Judged
from vision_worker.segmentation import Segmenter

__all__ = ["Critic"]


class Critic:
    """The same check as of photos; if `strict`, what is only poor is a fault too."""

    def __init__(
        self,
        finder: FaceFinder,
        segmenter: Segmenter,
        params: PortraitParams,
        context: Context,
        *,
        strict: bool,
    ) -> None:
        self._finder = finder
        self._segmenter = segmenter
        self._params = params
        self._context = context
        self._strict = strict

    def judge(self, pixels: Pixels) -> Judged:
        """What a picture (H, W, 3) is good for."""
        found = fitness.look(pixels, self._finder.find(pixels), self._params.face)
        faults = found.faults(strict=self._strict)
        if faults or found.face is None:
            return Judged(found.score, faults, None, found.advice)
        try:
            framed = frame_portrait(pixels, found.face, self._params, self._context, self._segmenter)
        except FaceError as error:
            return Judged(found.score, [str(error)], None, found.advice)
        return Judged(found.score, [], framed, found.advice)
