"""The sample portrait, the face networks, and pictures made from the one to try the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision_worker.face import Face
from vision_worker.faces import FaceFinder
from vision_worker.images import Pixels
from vision_worker.samples import PORTRAIT

Save = Callable[..., Path]


@pytest.fixture(scope="session")
def finder() -> Iterator[FaceFinder]:
    networks = FaceFinder()
    yield networks
    networks.close()


@pytest.fixture
def portrait() -> Image.Image:
    """The sample portrait, 512 x 512, RGB."""
    with Image.open(PORTRAIT) as image:
        return image.convert("RGB")


@pytest.fixture
def pixels(portrait: Image.Image) -> Pixels:
    return np.asarray(portrait)


@pytest.fixture(scope="session")
def sample_face(finder: FaceFinder) -> Face:
    """The one face of the sample portrait."""
    with Image.open(PORTRAIT) as image:
        (face,) = finder.find(np.asarray(image.convert("RGB")))
    return face


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """`save(image, name, **options)` writes a picture and gives its path."""

    def write(image: Image.Image, name: str, **options: Any) -> Path:
        path = tmp_path / name
        image.save(path, **options)
        return path

    return write


@pytest.fixture
def crowd(portrait: Image.Image) -> Image.Image:
    """Two people side by side, 1024 x 512; the right one is the mirror image of the left one."""
    both = Image.new("RGB", (1024, 512))
    both.paste(portrait, (0, 0))
    both.paste(portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (512, 0))
    return both
