"""What the engines of this worker share: the face networks, started when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shared_schema.engine import Availability, Engine
from shared_schema.messages import Memory
from shared_schema.packages import version_with
from vision_worker import packages

if TYPE_CHECKING:
    from vision_worker.faces import FaceFinder
    from vision_worker.segmentation import Segmenter

__all__ = ["FaceEngine"]


class FaceEngine(Engine):
    """Base of the engines that look for a face."""

    version = version_with("1", packages.PACKAGES)
    # Measured: 695 MB for a photo of 50 megapixels whatever its background, 770 MB after six other portraits;
    # up to 227 MB remain. Larger photos take more for a moment.
    host: ClassVar[Memory] = Memory(peak=900_000_000, context=275_000_000)

    def __init__(self) -> None:
        self._finder: FaceFinder | None = None
        self._segmenter: Segmenter | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where the face networks and the picture libraries are."""
        return packages.availability()

    @property
    def finder(self) -> FaceFinder:
        """The face networks, started."""
        if self._finder is None:
            from vision_worker.faces import FaceFinder  # noqa: PLC0415 - two seconds of imports

            self._finder = FaceFinder()
        return self._finder

    @property
    def segmenter(self) -> Segmenter:
        """The network that tells a person from the background; it starts with its first picture."""
        if self._segmenter is None:
            from vision_worker.segmentation import Segmenter  # noqa: PLC0415 - imports OpenCV and Pillow

            self._segmenter = Segmenter()
        return self._segmenter

    def load(self) -> None:
        """Start the face networks."""
        _ = self.finder

    def unload(self) -> None:
        """Free the networks."""
        if self._finder is not None:
            self._finder.close()
            self._finder = None
        if self._segmenter is not None:
            self._segmenter.close()
            self._segmenter = None
