"""A track survives its file; what is none is refused."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_schema.errors import ProtocolError
from shared_schema.mesh import POINT_COUNT
from shared_schema.tracks import Track, read_track, write_track

Arrays = dict[str, Any]


def arrays(count: int = 4) -> Arrays:
    random = np.random.default_rng(count)
    made: Arrays = {
        "points": random.normal(size=(count, POINT_COUNT, 3)).astype(np.float32),
        "seen": np.arange(count) % 3 > 0,
        "scene": np.arange(count, dtype=np.int32) // 2,
    }
    made |= {name: random.normal(size=count).astype(np.float32) for name in ("yaw", "pitch", "roll")}
    made["points"][:1] = np.nan
    return made


def track_of(made: Arrays) -> Track:
    return Track(**{name: memoryview(array) for name, array in made.items()})


def test_a_track_survives_its_file(tmp_path: Path) -> None:
    write_track(tmp_path / "track.npz", track_of(arrays()))
    found = read_track(tmp_path / "track.npz")
    assert len(found) == 4
    for name, expected in arrays().items():
        array = np.asarray(getattr(found, name))
        assert array.dtype == expected.dtype
        assert np.array_equal(array, expected, equal_nan=array.dtype.kind == "f")


def test_numpy_reads_it_and_writes_it(tmp_path: Path) -> None:
    write_track(tmp_path / "track.npz", track_of(arrays()))
    with np.load(tmp_path / "track.npz", allow_pickle=False) as file:
        assert sorted(file.files) == sorted(arrays())
        assert np.array_equal(file["points"], arrays()["points"], equal_nan=True)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "numpy.npz", **arrays())
        assert np.array_equal(np.asarray(read_track(tmp_path / "numpy.npz").scene), arrays()["scene"])


def test_the_same_track_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "other.npz"):
        write_track(tmp_path / name, track_of(arrays()))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points", np.zeros((4, POINT_COUNT, 3))),
        ("points", np.zeros((4, 468, 3), np.float32)),
        ("points", np.zeros((3, POINT_COUNT, 3), np.float32)),
        ("seen", np.ones(4, np.uint8)),
        ("seen", np.array(True)),
        ("scene", np.zeros(4, np.int64)),
        ("yaw", np.zeros(5, np.float32)),
        ("roll", np.zeros((4, 1), np.float32)),
    ],
)
def test_arrays_of_another_shape_or_kind_are_no_track(tmp_path: Path, name: str, value: Any) -> None:
    """Neither to write nor to read."""
    wrong = {**arrays(), name: value}
    with pytest.raises(ValueError, match="its"):
        track_of(wrong)
    np.savez(tmp_path / "track.npz", **wrong)
    with pytest.raises(ProtocolError, match=r"track\.npz is not a track file: its"):
        read_track(tmp_path / "track.npz")


def test_a_pickle_in_it_is_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "track.npz", **{**arrays(), "yaw": np.array([{}] * 4, dtype=object)})
    with pytest.raises(ProtocolError, match=r"elements are '\|O'"):
        read_track(tmp_path / "track.npz")


def test_an_array_that_is_missing_is_named(tmp_path: Path) -> None:
    made = arrays()
    del made["roll"]
    np.savez(tmp_path / "track.npz", **made)
    with pytest.raises(ProtocolError, match=r"roll\.npy"):
        read_track(tmp_path / "track.npz")


def test_an_empty_track_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "track.npz", **arrays(0))
    with pytest.raises(ProtocolError, match="0 frames"):
        read_track(tmp_path / "track.npz")


def test_a_damaged_file_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "track.npz"
    write_track(path, track_of(arrays()))
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[:-30], whole[: len(whole) // 2], whole[1000:]):
        path.write_bytes(content)
        with pytest.raises(ProtocolError, match="is not a track file"):
            read_track(path)
    for place in range(0, len(whole), 1009):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_track(path)  # a bit that carries nothing may be lost
        except ProtocolError:
            continue


def test_a_file_that_unfolds_beyond_its_header_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "track.npz"
    np.savez_compressed(path, **arrays())
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            more = bytes(50_000_000) if name == "yaw.npy" else b""
            target.writestr(name, source.read(name) + more)
    with pytest.raises(ProtocolError, match="yaw are cut off or too long"):
        read_track(bomb)


def test_every_field_is_in_the_file(tmp_path: Path) -> None:
    write_track(tmp_path / "track.npz", track_of(arrays()))
    names = {f"{field.name}.npy" for field in dataclasses.fields(Track)}
    assert set(zipfile.ZipFile(tmp_path / "track.npz").namelist()) == names
