"""A face followed through a video, frame by frame: the file `track.npz` that one stage gives to another.

It holds six arrays as `numpy.savez` writes them, and can be read by `numpy.load(path, allow_pickle=False)`.
NumPy is not needed here: the arrays are buffers, which `numpy.asarray` takes as they are.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from shared_schema.errors import ProtocolError
from shared_schema.frames import MAX_FRAMES
from shared_schema.mesh import POINT_COUNT
from shared_schema.npy import FORMATS, Layout, header, read_layout

__all__ = ["Track", "read_track", "write_track"]

_KINDS: Final = {"points": "<f4", "seen": "|b1", "scene": "<i4", "yaw": "<f4", "pitch": "<f4", "roll": "<f4"}
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Track:
    """Of N frames: where the face is, whether it was seen, which scene the frame belongs to, how it is held.

    points            (N, 478, 3) float32   x and y in pixels, z in the same unit, smaller is nearer
    seen              (N,) bool             where not, points and angles are NaN: gaps are not filled
    scene             (N,) int32            from 0, one more after each cut
    yaw, pitch, roll  (N,) float32          degrees: turned to the picture's right, raised, tilted clockwise
    """

    points: memoryview
    seen: memoryview
    scene: memoryview
    yaw: memoryview
    pitch: memoryview
    roll: memoryview

    def __post_init__(self) -> None:
        """ValueError where an array has another shape or kind."""
        count = len(self) if self.seen.ndim else 0
        for field in fields(self):
            array: memoryview = getattr(self, field.name)
            if array.format != FORMATS[_KINDS[field.name]] or array.shape != _shape(field.name, count):
                raise ValueError(f"its {field.name} are {array.format!r} of shape {array.shape}")

    def __len__(self) -> int:
        return len(self.seen)


def write_track(path: Path, track: Track) -> None:
    """Write a `track.npz`; the same track gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, kind in _KINDS.items():
            array: memoryview = getattr(track, name)
            with file.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as entry:
                entry.write(header(Layout(kind, _shape(name, len(track)))))
                entry.write(array.cast("B") if array.nbytes else b"")


def read_track(path: Path) -> Track:
    """Read a `track.npz`; ProtocolError where it is not one."""
    try:
        with zipfile.ZipFile(path) as file:
            return Track(**{name: _read(file, name, kind) for name, kind in _KINDS.items()})
    # What zipfile raises where it is damaged, packed in an unknown way, encrypted, or lacks an array.
    except (OSError, EOFError, ValueError, LookupError, RuntimeError, zipfile.error, zlib.error) as error:
        raise ProtocolError(f"{path.name} is not a track file: {error}.") from error


def _read(bundle: zipfile.ZipFile, name: str, kind: str) -> memoryview:
    """One array. ValueError where it is another than it should be."""
    with bundle.open(f"{name}.npy") as file:
        layout = read_layout(file)
        count = layout.shape[0] if layout.shape else 0
        if layout.kind != kind or layout.shape != _shape(name, count):
            raise ValueError(f"its {name} are {layout.kind!r} of shape {layout.shape}")
        if not 0 < count <= MAX_FRAMES:
            raise ValueError(f"it has {count:,} frames")
        content = file.read(layout.size + 1)
    if len(content) != layout.size:
        raise ValueError(f"its {name} are cut off or too long")
    whole: Any = memoryview(content)  # its type knows formats only as literals
    view: memoryview = whole.cast(FORMATS[kind], layout.shape)
    return view


def _shape(name: str, count: int) -> tuple[int, ...]:
    return (count, POINT_COUNT, 3) if name == "points" else (count,)
