"""What both ends of the socket agree on: messages, their bytes, the engine contract, the serve loop.

Importable on Python 3.11 and 3.12 alike. Depends on msgpack, msgspec and pyzmq only, so that any
worker environment can hold it. Raise `SCHEMA_VERSION` when the bytes of any message change; the
golden fixtures in `tests/shared_schema` notice when that was forgotten.
"""

from typing import Final

__all__ = ["SCHEMA_VERSION", "STAMP_NAME"]

SCHEMA_VERSION: Final = 5

STAMP_NAME: Final = "avatar-environment.json"
"""Written into an environment as the last step of its set-up; a worker's Hello carries its `lock`."""
