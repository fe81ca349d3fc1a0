"""Starts the fork's speech worker."""

from __future__ import annotations

from shared_schema.worker import main

main("tts-fork", "tts_fork_worker.engines")
