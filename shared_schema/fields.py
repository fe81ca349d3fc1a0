"""Fields that several messages have in common, each with its bounds."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["Body", "Count", "Digest", "Identifier", "RelativePath", "Seconds"]

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
RelativePath = Annotated[str, msgspec.Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all bodies: immutable, and strict about what it does not know."""
