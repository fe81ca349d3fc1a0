"""The pictures that ship with the worker; `SOURCES.md` beside them says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["PORTRAIT"]

PORTRAIT: Final = Path(__file__).with_name("portrait.png")
"""A public-domain portrait, 512 x 512 pixels, one face seen from the front."""
