"""Keeps MediaPipe's start-up chatter out of the worker's log, and nothing else.

Its C++ parts write to descriptor 2 directly, before any setting of theirs is read, and the variables that
are said to silence them (GLOG_minloglevel, TF_CPP_MIN_LOG_LEVEL) do not in 0.10.21. So while the graphs
start, descriptor 2 is a temporary file; afterwards known chatter goes to this module's logger at DEBUG and
every other line to stderr, whether or not starting failed. While pictures are processed stderr is untouched.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["start_up_chatter_to_log"]

log = logging.getLogger(__name__)

_STDERR: Final = 2
_CHATTER: Final = re.compile(
    r"^(INFO: |I\d{4} "  # TensorFlow Lite's and absl's own grade for "nothing is wrong"
    r"|WARNING: (All log messages before absl::InitializeLog|Logging before InitGoogle)"
    r"|W\d{4} .*inference_feedback_manager\.cc"  # a feature that this version's models never use
    r"|W\d{4} .*landmark_projection_calculator\.cc.*square ROI)"  # every picture we give is square
)


@contextmanager
def start_up_chatter_to_log() -> Iterator[None]:
    """Within this, what native code writes to stderr is held back, then sorted."""
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            held.seek(0)
            _sort(held.read())


def _sort(written: bytes) -> None:
    for line in written.splitlines(keepends=True):
        text = line.decode(errors="replace").rstrip()
        if _CHATTER.match(text):
            log.debug("%s", text)
        else:
            os.write(_STDERR, line)
