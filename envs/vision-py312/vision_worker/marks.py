"""What a measure of a portrait's fitness gives: a verdict in words, and how far it falls short."""

from __future__ import annotations

from dataclasses import dataclass

from shared_schema.errors import FaceError
from shared_schema.stages import Finding, Verdict

__all__ = ["Mark", "ramp"]


@dataclass(frozen=True)
class Mark:
    """One check. `message` says what was found, `remedy` what to do where that is not good.

    `shortfall` is 0 where nothing could be better and 1 at the worst; it grows with what was measured, also
    within one verdict.
    """

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""
    shortfall: float = 0.0

    @property
    def words(self) -> str:
        """What was found and what to do, as a user reads it."""
        return f"{self.message} {self.remedy}".strip()

    @property
    def finding(self) -> Finding:
        """The mark as a stage's outcome holds it."""
        return Finding(self.check, self.verdict, self.words)

    @classmethod
    def refused(cls, check: str, error: FaceError) -> Mark:
        """The mark of what the portrait engines refuse, in their words."""
        return cls(check, Verdict.BAD, error.message, error.hint, 1.0)


def ramp(value: float, best: float, worst: float) -> float:
    """Where a value lies on the way from the best (0) to the worst (1); beyond either, as there."""
    return min(1.0, max(0.0, (value - best) / (worst - best)))
