"""Frames come out of their files one by one, in order, in constant memory; what holds none is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_schema import frames
from shared_schema.errors import InputError
from shared_schema.frames import Frames, write_frames

SHAPE = (72, 96, 3)


def pictures(count: int, first: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    made = np.random.default_rng(first).integers(0, 256, (count, *SHAPE), np.uint8)
    made[:, 0, 0, 0] = np.arange(first, first + count)
    return made


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npy"
    np.save(path, pictures(5))
    return path


def test_a_file_of_numpy_is_read_frame_by_frame(batch: Path) -> None:
    with Frames([batch]) as found:
        assert (len(found), found.height, found.width) == (5, *SHAPE[:2])
        for frame, expected in zip(found, pictures(5), strict=True):
            assert frame.shape == SHAPE
            assert frame.readonly
            assert np.array_equal(np.asarray(frame), expected)


def test_batches_follow_one_another(tmp_path: Path, batch: Path) -> None:
    second = tmp_path / "frames-2.npy"
    np.save(second, pictures(3, first=5))
    with Frames([batch, second]) as found:
        assert len(found) == 8
        assert [np.asarray(frame)[0, 0, 0] for frame in found] == list(range(8))
        assert len(list(found)) == 8  # and again


def test_a_frame_outlives_its_file(batch: Path) -> None:
    with Frames([batch]) as found:
        kept = [np.asarray(frame) for frame in found]
    batch.unlink()
    assert np.array_equal(kept, pictures(5))


def test_what_is_written_is_read_by_numpy_and_here(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    assert write_frames(path, (bytes(picture) for picture in pictures(7)), *SHAPE[:2]) == 7
    assert np.array_equal(np.load(path, allow_pickle=False), pictures(7))
    with Frames([path]) as found:
        assert np.array_equal([np.asarray(frame) for frame in found], pictures(7))


def test_a_frame_of_another_size_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        write_frames(tmp_path / "frames.npy", [bytes(10)], *SHAPE[:2])


def saved(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


WHOLE = saved(pictures(2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin like"),
        (b"P6 640 480 255 " + bytes(900), "does not begin like"),
        (WHOLE[:7], "does not begin like"),
        (WHOLE[:9], "header is damaged"),
        (WHOLE[:40], "header is cut off"),
        (WHOLE[:6] + b"\x09" + WHOLE[7:], "does not begin like"),
        (WHOLE.replace(b"'shape'", b"'shame'"), "header is damaged"),
        (WHOLE.replace(b"(2, 72", b"(-2,72"), "header is damaged"),
        (WHOLE.replace(b"(2, 72", b"(1+1,7"), "header is damaged"),
        (WHOLE[:-1], "it is cut off"),
        (WHOLE + b"\0", "something stands behind"),
        (saved(pictures(0)), "it is empty"),
        (saved(pictures(2).astype(np.float32)), r"'<f4', its shape \(2, 72"),
        (saved(pictures(2).astype(np.float64)), "elements are '<f8'"),
        (saved(pictures(2).astype(">i4")), "elements are '>i4'"),
        (saved(np.asfortranarray(pictures(2))), "Fortran order"),
        (saved(pictures(2)[0]), r"its shape \(72, 96, 3\)"),
        (saved(pictures(2)[..., :1]), r"its shape \(2, 72, 96, 1\)"),
        (saved(pictures(2)[:, :63]), "96 x 63 pixels are not between 64"),
        (saved(np.zeros((1, 64, 8193, 3), np.uint8)), "8193 x 64 pixels"),
        (saved(np.array([{}], dtype=object)), r"elements are '\|O'"),
    ],
)
def test_what_holds_no_frames_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "frames.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"frames\.npy holds no frames: .*{reason}"):
        Frames([path])


def test_a_header_that_lies_about_its_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    path.write_bytes(WHOLE.replace(b"(2, 72", b"(9, 72"))
    with pytest.raises(InputError, match="cut off"):
        Frames([path])


def test_batches_of_different_sizes_do_not_belong_together(tmp_path: Path, batch: Path) -> None:
    other = tmp_path / "frames-2.npy"
    np.save(other, pictures(2)[:, :70])
    with pytest.raises(InputError, match=r"frames-2\.npy are 96 x 70 pixels, those before 96 x 72"):
        Frames([batch, other])


def test_too_many_frames_are_refused(monkeypatch: pytest.MonkeyPatch, batch: Path) -> None:
    monkeypatch.setattr(frames, "MAX_FRAMES", 9)
    assert len(Frames([batch])) == 5
    with pytest.raises(InputError, match="more than 9 frames"):
        Frames([batch, batch])


def test_no_files_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are no frames"):
        Frames([])
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Frames([tmp_path / "none.npy"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_frames_need_no_more_memory_than_few(tmp_path: Path) -> None:
    """300 MB of them, seen one by one, in a process of its own."""
    path = tmp_path / "frames.npy"
    write_frames(path, (bytes([index]) * (500 * 500 * 3) for index in range(200)), 500, 500)
    write_frames(tmp_path / "again.npy", (bytes(500 * 500 * 3) for _ in range(200)), 500, 500)
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from shared_schema.frames import Frames\n"
        "def held(): return int(re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "seen, most, before = 0, 0, held()\n"
        "for frame in Frames([Path(name) for name in sys.argv[1:]]):\n"
        "    seen += len(bytes(frame)) > 0\n"
        "    most = max(most, held() - before)\n"
        "print(seen, most, 'numpy' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "again.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen, most, numpy = done.stdout.split()
    assert (seen, numpy) == ("400", "False")
    assert int(most) < 40_000  # KiB; 14 MB measured
