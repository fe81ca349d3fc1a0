"""A video is told from a photo by its first bytes, whatever it is called."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import pytest

from orchestrator.media import is_clip, wav_seconds

CLIPS = {
    "MP4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "MP4 by a phone": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
    "QuickTime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "QuickTime as it was once": b"\0\0\1\0moov\0\0\0\x6cmvhd",
    "QuickTime with its pictures first": b"\0\0\0\x08wide\0\0\1\0mdat",
    "Matroska, WebM": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1",
    "AVI": b"RIFF\0\0\1\0AVI LIST",
    "WMV, which is refused later": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
    "MPEG-TS, likewise": b"G\x40\0\x10" + bytes(184) + b"G\x40\1\x10",
}
OTHERS = {
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "TIFF": b"II*\0",
    "WebP": b"RIFF\0\0\1\0WEBPVP8 ",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "HEIF": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a sound": b"RIFF\0\0\1\0WAVEfmt ",
    "words": b"Good morning, and a long text behind that. " * 9,
    "nothing": b"",
}


@pytest.mark.parametrize("what", CLIPS)
def test_a_video_is_one_whatever_its_name(tmp_path: Path, what: str) -> None:
    (tmp_path / "me.jpg").write_bytes(CLIPS[what] + bytes(500))
    assert is_clip(tmp_path / "me.jpg")


@pytest.mark.parametrize("what", OTHERS)
def test_anything_else_is_none_whatever_its_name(tmp_path: Path, what: str) -> None:
    (tmp_path / "me.mp4").write_bytes(OTHERS[what])
    assert not is_clip(tmp_path / "me.mp4")


def test_what_cannot_be_read_is_left_to_whoever_says_why(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", tmp_path / "loop"):
        assert not is_clip(path)


def test_the_length_of_a_wav_is_read_and_that_of_others_is_not_known(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((2, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(4 * 24_000))
    assert wav_seconds(tmp_path / "a.wav") == 1.5
    (tmp_path / "b.wav").write_bytes(b"ID3 of an MP3")
    for path in (tmp_path / "b.wav", tmp_path / "missing.wav", tmp_path):
        assert wav_seconds(path) == 0.0
