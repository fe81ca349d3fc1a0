"""Sets environments up and renews locks, with any Python >= 3.9 and nothing installed.

    python3 -m orchestrator.bootstrap sync [NAME ...] [--kind base]
    python3 -m orchestrator.bootstrap lock [NAME ...] [--upgrade | --check]

What the Makefile and the noxfile call; users have `avatar envs`.
"""

from __future__ import annotations

import argparse
import sys

from orchestrator.environments import ENVIRONMENTS, KINDS, USUAL, sync
from shared_schema.errors import AvatarError

__all__ = ["main"]


def main() -> None:
    """Do what the command line says; exit with the error's status after one line on stderr."""
    arguments = _arguments()
    try:
        if arguments.action == "sync":
            sync(arguments.names or USUAL, arguments.kind)
        else:
            _lock(arguments.names or list(ENVIRONMENTS), upgrade=arguments.upgrade, check=arguments.check)
    except AvatarError as error:
        print(f"avatar: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("avatar: interrupted", file=sys.stderr)
        sys.exit(130)


def _lock(names: list[str], *, upgrade: bool, check: bool) -> None:
    from orchestrator.relock import check_locks, renew_locks  # noqa: PLC0415 - sync does without

    if check:
        check_locks(names)
    else:
        renew_locks(names, upgrade=upgrade)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m orchestrator.bootstrap")
    actions = parser.add_subparsers(dest="action", required=True)
    installing = actions.add_parser("sync", help="install what the locks say")
    installing.add_argument("--kind", choices=KINDS, default="base")
    locking = actions.add_parser("lock", help="write the locks anew from each pyproject.toml")
    how = locking.add_mutually_exclusive_group()
    how.add_argument("--upgrade", action="store_true", help="to the newest versions allowed")
    how.add_argument("--check", action="store_true", help="only say which have moved")
    for action in (installing, locking):
        action.add_argument("names", nargs="*", metavar="NAME", help="default: all that are usual")
    return parser.parse_args()


if __name__ == "__main__":
    main()
