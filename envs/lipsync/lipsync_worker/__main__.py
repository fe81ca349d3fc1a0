"""Entry point of the lip-sync worker process."""

from shared_schema.worker import main

main("lipsync", "lipsync_worker.engines")
