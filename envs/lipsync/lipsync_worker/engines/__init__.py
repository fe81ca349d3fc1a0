"""The lip-sync engines of this worker."""

from __future__ import annotations

from lipsync_worker.engines.clip import ClipEngine
from lipsync_worker.engines.musetalk import MuseTalk
from lipsync_worker.engines.talking_photo import TalkingPhoto
from lipsync_worker.engines.wav2lip import Wav2Lip
from shared_schema.engine import Engine

__all__ = ["ENGINES"]

ENGINES: list[type[Engine]] = [MuseTalk, TalkingPhoto, Wav2Lip, ClipEngine]
