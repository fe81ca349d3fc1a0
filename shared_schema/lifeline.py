"""No orphans: a worker dies with its orchestrator, however that ends.

Two guards, since each alone has a gap. `PR_SET_PDEATHSIG` (prctl(2)) fires even while native code
holds the GIL, but it watches the thread that spawned us. The death pipe watches the process: its
write end is held by the orchestrator alone, and end-of-file means that it is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

__all__ = ["arm"]

PR_SET_PDEATHSIG = 1
ORPHANED_STATUS = 125


def arm(pipe: int | None, parent: int | None) -> None:
    """Arm both guards. `pipe` is the read end's descriptor, `parent` the orchestrator's process id.

    Call it before anything slow is imported. Exits at once if the parent is already gone.
    """
    if sys.platform == "linux" and parent is not None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        # The parent may have died between the fork and the line above.
        if os.getppid() != parent:
            os._exit(ORPHANED_STATUS)
    if pipe is not None:
        threading.Thread(target=_watch, args=(pipe,), name="lifeline", daemon=True).start()


def _watch(pipe: int) -> None:
    """Block until the orchestrator's end of the pipe is closed, then end this process and its children."""
    while os.read(pipe, 1):
        pass
    if os.getpgid(0) == os.getpid():
        # The group is ours alone: what an engine has started goes with us.
        os.killpg(0, signal.SIGKILL)
    # `_exit` and not `exit`: the main thread may sit in native code and never come back to Python.
    os._exit(ORPHANED_STATUS)
