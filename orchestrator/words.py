"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["duration", "size"]


def size(count: int) -> str:
    """Bytes in decimal units, as makers of GPUs count them: "6.9 GB", "35 MB"."""
    if count >= 1e9 - 5e5:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """A time as "46 ms", "0.4 s", "12 s", "3 min 5 s" or "2 h 4 min"."""
    if seconds < 0.095:
        return f"{max(seconds, 0.0) * 1e3:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
