"""`make bench`: what the promises cost, as medians and ratios measured side by side in one run.

    python -m tests.bench [NAME ...]

Names: command transport isolation photo faces pictures lips memory handover plan soak voices install.

The machines that run this are often shared, so nothing here is asserted; read ratios before seconds.
"""

from __future__ import annotations

import importlib
import platform
import sys

BENCHES = (
    "command",
    "transport",
    "isolation",
    "photo",
    "faces",
    "pictures",
    "lips",
    "memory",
    "handover",
    "plan",
    "soak",
    "voices",
    "install",
)


def main(names: list[str]) -> int:
    """Run the named benches, or all."""
    unknown = set(names) - set(BENCHES)
    if unknown:
        print(
            f"There is no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}",
            file=sys.stderr,
        )
        return 2
    print(
        f"{platform.machine()}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )
    for name in names or BENCHES:
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"tests.bench.{name}").main()
    return 0


sys.exit(main(sys.argv[1:]))
