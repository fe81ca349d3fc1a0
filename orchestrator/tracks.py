"""Slices on tracks, as JSON in Google's "Trace Event Format", which ui.perfetto.dev opens.

A track shows slices that follow or enclose each other, never such that overlap: Perfetto drops those.
So slices of one name that overlap are spread over as many tracks as they need.

    process "tts worker"        a pid, a name, its place in the order
      thread "tasks"            a tid, a name, its place
        slice [ inner ][ inner ]
      counter "bytes held"
      instant "ended"
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["Group", "Slice", "encode"]

_Json = dict[str, Any]


@dataclass
class Slice:
    """Something that took from `begin` to `end` seconds; without an end it was not over at the last.

    What is `inner` lies within it, one after the other.
    """

    name: str
    begin: float
    end: float | None = None
    args: _Json = field(default_factory=dict)
    inner: list[Slice] = field(default_factory=list)

    def close(self, at: float) -> None:
        """End it and what is open in it, where it has not ended."""
        for part in (*self.inner, self):
            if part.end is None:
                part.end = at


@dataclass
class Group:
    """What is shown under one heading: tracks of slices by name, instants, and counters by name."""

    name: str
    tracks: dict[str, list[Slice]] = field(default_factory=dict)
    instants: list[tuple[float, str, _Json]] = field(default_factory=list)
    counters: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, track: str, slice_: Slice) -> Slice:
        """Put a slice on a track."""
        self.tracks.setdefault(track, []).append(slice_)
        return slice_

    def note(self, at: float, name: str, **args: object) -> None:
        """Put a mark at a moment."""
        self.instants.append((at, name, args))

    def count(self, counter: str, at: float, value: int) -> None:
        """A counter has this value from now on."""
        self.counters.setdefault(counter, []).append((at, value))


def encode(groups: Iterable[Group], last: float, about: _Json) -> bytes:
    """The trace as a JSON object, in the order of time; open slices end at `last` (seconds)."""
    # Process 0 is the idle task to Perfetto, and a thread's number is unique in all of a trace.
    numbers = itertools.count(1)
    heads: list[_Json] = []
    events: list[_Json] = []
    for place, group in enumerate(groups):
        pid = next(numbers)
        heads += _heading("process", pid, pid, group.name, place)
        lanes = (lane for name, slices in group.tracks.items() for lane in _lanes(name, slices, last))
        for order, (name, lane) in enumerate(lanes):
            tid = next(numbers)
            heads += _heading("thread", pid, tid, name, order)
            events += [event for slice_ in lane for event in _complete(slice_, last, pid, tid)]
        events += _marks(group, pid)
    # A stable sort: where two begin together, the enclosing one stays first.
    events.sort(key=lambda event: event["ts"])
    return msgspec.json.encode({"traceEvents": heads + events, "displayTimeUnit": "ms", "otherData": about})


def _microseconds(seconds: float) -> int:
    return round(max(seconds, 0.0) * 1e6)


def _heading(kind: str, pid: int, tid: int, name: str, order: int) -> list[_Json]:
    common = {"ph": "M", "pid": pid, "tid": tid}
    return [
        {**common, "name": f"{kind}_name", "args": {"name": name}},
        {**common, "name": f"{kind}_sort_index", "args": {"sort_index": order}},
    ]


def _lanes(name: str, slices: list[Slice], last: float) -> Iterator[tuple[str, list[Slice]]]:
    """Slices spread over tracks without overlap, each on the first track that is free."""
    lanes: list[list[Slice]] = []
    for slice_ in sorted(slices, key=lambda each: each.begin):
        slice_.close(max(last, slice_.begin))
        free = (lane for lane in lanes if (lane[-1].end or 0.0) <= slice_.begin)
        lane = next(free, None)
        if lane is None:
            lanes.append([slice_])
        else:
            lane.append(slice_)
    for number, lane in enumerate(lanes, 1):
        yield (name if number == 1 else f"{name} ({number})"), lane


def _complete(slice_: Slice, last: float, pid: int, tid: int) -> Iterator[_Json]:
    """A slice as a complete event, then those within it."""
    begin = _microseconds(slice_.begin)
    end = max(begin, _microseconds(last if slice_.end is None else slice_.end))
    yield _event("X", slice_.name, begin, pid, tid=tid, dur=end - begin, args=slice_.args)
    for part in slice_.inner:
        yield from _complete(part, last, pid, tid)


def _marks(group: Group, pid: int) -> Iterator[_Json]:
    for at, name, args in group.instants:
        yield _event("i", name, _microseconds(at), pid, tid=pid, s="p", args=args)
    for name, values in group.counters.items():
        for at, value in values:
            yield _event("C", name, _microseconds(at), pid, tid=pid, args={"value": value})


def _event(kind: str, name: str, at: int, pid: int, **more: object) -> _Json:
    return {"ph": kind, "name": name, "ts": at, "pid": pid, **more}
