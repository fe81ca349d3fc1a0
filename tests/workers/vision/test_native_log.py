"""Chatter goes to the log; everything else that native code writes reaches stderr."""

from __future__ import annotations

import logging
import os

import pytest

from vision_worker.native_log import start_up_chatter_to_log

CHATTER = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
TROUBLE = b"E0000 00:00:1 42 graph.cc:1] The model is broken.\n"


def test_chatter_is_logged_and_trouble_is_not_held_back(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), start_up_chatter_to_log():
        os.write(2, CHATTER + TROUBLE)
    assert capfd.readouterr().err == TROUBLE.decode()
    assert CHATTER.decode().strip() in caplog.text


def test_what_was_written_before_a_failure_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with start_up_chatter_to_log():
            os.write(2, TROUBLE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == TROUBLE.decode()
    os.write(2, b"still open\n")
    assert capfd.readouterr().err == "still open\n"
