"""What kind of file a user gave, by its first bytes: its name may say anything."""

from __future__ import annotations

import os
import stat
import wave
from pathlib import Path
from typing import Final

__all__ = ["is_clip", "wav_seconds"]

_HEAD_BYTES: Final = 192

# Of files whose boxes are those of ISO/IEC 14496-12: which first box a file may have, QuickTime's oldest too,
# and which brands are pictures (ISO/IEC 23008-12 annex B; AVIF, 4; Canon's raw photos).
_FIRST_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_PICTURE_BRANDS: Final = {
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
    b"avif", b"avis", b"jpeg", b"jpgs", b"crx ",
}  # fmt: skip

# Videos of kinds that are not taken: the worker that is to read them names those that are.
_OTHERS: Final = (
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"FLV\x01",
    b"OggS",
    b"\0\0\1\xba",  # MPEG program stream
)
_EBML: Final = b"\x1a\x45\xdf\xa3"  # Matroska and WebM, RFC 8794
_TS_PACKET: Final = 188  # MPEG transport stream, ISO/IEC 13818-1: each begins with 0x47


def is_clip(path: Path) -> bool:
    """Whether a file is a video, not a photo. What cannot be read is none: whoever opens it says why."""
    head = _head(path)
    if head[4:8] == b"ftyp":
        return head[8:12] not in _PICTURE_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    transport = head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G"
    return head[4:8] in _FIRST_BOXES or head.startswith((_EBML, *_OTHERS)) or transport


def _head(path: Path) -> bytes:
    try:
        # Without O_NONBLOCK the opening of a named pipe would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)


def wav_seconds(path: Path) -> float:
    """How long a WAV recording is; 0 where the file is another one, and only a decoder could tell."""
    try:
        with wave.open(str(path), "rb") as sound:
            return sound.getnframes() / sound.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return 0.0
