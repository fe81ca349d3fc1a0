"""Starts the speech worker."""

from __future__ import annotations

from shared_schema.worker import main

main("tts", "tts_worker.engines")
