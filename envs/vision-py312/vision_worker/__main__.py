"""Entry point of the vision worker process."""

from shared_schema.worker import main

main("vision", "vision_worker.engines")
