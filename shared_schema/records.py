"""Files that one stage writes and another reads: phoneme timings, face landmarks, times of a video's frames.

`timings.jsonl` holds one `Utterance` a line, in order of time, so that an hour of speech is read
and written in constant memory. `face.json` holds one `FaceMesh`, `shots.json` one `Shots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, TypeVar

import msgspec

from shared_schema.errors import ProtocolError

__all__ = [
    "FaceMesh",
    "Phone",
    "Shots",
    "Utterance",
    "read_face",
    "read_shots",
    "read_timings",
    "write_face",
    "write_shots",
    "write_utterance",
]

_Positive = Annotated[int, msgspec.Meta(ge=1)]

Record = TypeVar("Record")

MAX_LINE_BYTES = 4 * 1024 * 1024


class Phone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One phoneme: its IPA symbol, and start and end in seconds from the start of the speech file."""

    symbol: str
    start: float
    end: float


class Utterance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One spoken sentence. Between phones, and between utterances, is silence.

    `phones` is empty where only the sentence's bounds are known: then the sound itself says more.
    """

    text: str
    start: float
    end: float
    phones: list[Phone]


class FaceMesh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The landmarks of one face: MediaPipe's 478 points as (x, y, z), x and y in pixels of the
    picture, z in the same unit, smaller is nearer (MediaPipe Face Mesh documentation).
    """

    width: int
    height: int
    yaw: float
    points: list[tuple[float, float, float]]


class Shots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The frames of a video: the upright picture's size in pixels, and when each is shown, in seconds from
    the first. The rate is a fraction: exact where it is constant, else the mean.

    `scale` is how many pixels of the frames that were written there are for one of the picture, at most 1.
    """

    width: _Positive
    height: _Positive
    fps_numerator: _Positive
    fps_denominator: _Positive
    times: Annotated[list[float], msgspec.Meta(min_length=1)]
    scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


def write_utterance(file: IO[bytes], utterance: Utterance) -> None:
    """Append one line to an open `timings.jsonl`."""
    file.write(msgspec.json.encode(utterance) + b"\n")


def read_timings(path: Path) -> Iterator[Utterance]:
    """The utterances of a `timings.jsonl`, one at a time; ProtocolError where a line is not one."""
    decoder = msgspec.json.Decoder(Utterance)
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            try:
                yield decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise ProtocolError(f"{path.name} is not a timings file: {error}.") from error


def write_face(path: Path, mesh: FaceMesh) -> None:
    """Write a `face.json`."""
    path.write_bytes(msgspec.json.encode(mesh))


def read_face(path: Path) -> FaceMesh:
    """Read a `face.json`; ProtocolError where it is not one."""
    return _read(path, FaceMesh, "face")


def write_shots(path: Path, shots: Shots) -> None:
    """Write a `shots.json`."""
    path.write_bytes(msgspec.json.encode(shots))


def read_shots(path: Path) -> Shots:
    """Read a `shots.json`; ProtocolError where it is not one."""
    return _read(path, Shots, "shots")


def _read(path: Path, kind: type[Record], what: str) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"{path.name} is not a {what} file: {error}.") from error
