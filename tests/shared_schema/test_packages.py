"""What an engine says of the packages it needs."""

from __future__ import annotations

import importlib.metadata

from shared_schema.packages import availability_of, version_with


def test_where_all_are_installed_it_is_ready() -> None:
    assert availability_of(["msgpack", "pyzmq"], "tts").ready


def test_the_first_that_is_missing_is_named_with_the_remedy() -> None:
    available = availability_of(["msgpack", "no-such-package", "nor-this"], "tts")
    assert not available.ready
    assert available.lacks == "The package no-such-package is not installed in the tts environment."
    assert available.remedy == "Run `avatar envs sync tts`."


def test_a_version_names_what_results_depend_on() -> None:
    msgpack = importlib.metadata.version("msgpack")
    assert version_with("3", ["msgpack", "nobody"]) == f"3 (msgpack {msgpack}, nobody absent)"
