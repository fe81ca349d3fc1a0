"""Hard bounds: what is larger than this is refused, whoever sent it."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

MAX_HEADER_BYTES: Final = 1 * MIB
"""Largest `[kind, version, body]` frame."""

MAX_BULK_BYTES: Final = 16 * MIB
"""Largest bulk frame that may follow a header (PCM, encoded fragments)."""

MAX_BULK_FRAMES: Final = 4
"""Most bulk frames in one message."""

MAX_STRING_BYTES: Final = 256 * KIB
"""Longest string inside a header: a traceback fits, a script does not (it travels as a file)."""

MAX_ITEMS: Final = 4096
"""Most entries of one array or map inside a header."""

HIGH_WATER_MARK: Final = 64
"""Messages that may queue on a socket before the sender must wait."""

MAX_IPC_PATH_BYTES: Final = 107
"""Longest path that a Unix socket address holds (sun_path less its NUL, unix(7))."""

MAX_TEXT_BYTES: Final = 2 * MIB
"""Longest script: some thirty hours of speech."""

MIN_VOICE_SECONDS: Final = 1.0
"""Shortest reference recording that a voice can be matched from."""

MAX_VOICE_SECONDS: Final = 600.0
"""Longest reference recording."""

MAX_RECORDING_BYTES: Final = 1024 * MIB
"""Largest reference or speech recording on disk."""

RECORDING_OPTIONS: Final = {
    "format_whitelist": (
        "wav,w64,rf64,aiff,caf,au,flac,ogg,mp3,aac,mov,mp4,m4a,matroska,webm,amr,ac3,wv,ape,tta,asf"
    ),
    "protocol_whitelist": "file",
}
"""What FFmpeg may open as a recording. Not play lists and the like, which name further files or hosts."""

MAX_PHOTO_BYTES: Final = 200 * MIB
"""Largest picture file on disk."""

MAX_PHOTO_PIXELS: Final = 200_000_000
"""Most pixels in a picture: a bomb of a few KiB can unfold to gigabytes."""

MAX_CLIP_BYTES: Final = 8192 * MIB
"""Largest video file on disk that may be given in place of a photo."""

MAX_LORA_BYTES: Final = 4096 * MIB
"""Largest LoRA file on disk: those of SDXL have some hundred MiB."""

MIN_FRAME_RATE: Final = 1
MAX_FRAME_RATE: Final = 120
MIN_SIZE: Final = 128
MAX_SIZE: Final = 2160
"""Bounds of the output's short side, pixels."""
