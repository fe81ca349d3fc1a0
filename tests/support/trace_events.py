"""What must be true of every trace in the Trace Event Format that Perfetto shall show whole."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

Json = dict[str, Any]


def checked(data: bytes | str) -> list[Json]:
    """The events of a trace, after a look at all that the format and Perfetto ask for."""
    trace = json.loads(data)
    events: list[Json] = trace["traceEvents"]
    assert {event["ph"] for event in events} <= {"X", "M", "i", "C"}
    timed = [event for event in events if event["ph"] != "M"]
    assert all(type(event["ts"]) is int and event["ts"] >= 0 for event in timed)
    assert [event["ts"] for event in timed] == sorted(event["ts"] for event in timed)
    assert all(event["name"] for event in timed)
    assert all(event["s"] == "p" for event in timed if event["ph"] == "i")
    assert all(type(event["args"]["value"]) is int for event in timed if event["ph"] == "C")
    _check_headings(events, timed)
    _check_nesting(timed)
    return events


def _check_headings(events: list[Json], timed: list[Json]) -> None:
    """Each track and each group of tracks has one name and one place."""
    for kind, key in (("process", "pid"), ("thread", "tid")):
        for what in ("name", "sort_index"):
            headed = [event[key] for event in events if event["name"] == f"{kind}_{what}"]
            assert len(headed) == len(set(headed))
            used = {event[key] for event in timed if kind == "process" or event["ph"] == "X"}
            assert used <= set(headed)


def _check_nesting(timed: list[Json]) -> None:
    """On a track, a slice lies within the one before it or after its end, in the order of the file."""
    open_ends: dict[int, list[int]] = defaultdict(list)
    for event in timed:
        if event["ph"] != "X":
            continue
        assert type(event["dur"]) is int
        assert event["dur"] >= 0
        ends = open_ends[event["tid"]]
        while ends and ends[-1] <= event["ts"]:
            ends.pop()
        end = event["ts"] + event["dur"]
        assert not ends or end <= ends[-1], f"{event} overlaps"
        ends.append(end)


def slices(events: list[Json], process: str, track: str) -> list[tuple[str, float, float]]:
    """Name, begin and end in seconds of a track's slices, in the order of time."""
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    return [
        (event["name"], event["ts"] / 1e6, (event["ts"] + event["dur"]) / 1e6)
        for event in events
        if event["ph"] == "X" and (names[event["pid"]], tracks[event["tid"]]) == (process, track)
    ]
