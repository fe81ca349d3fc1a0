"""The `avatar` command. Every failure is one line that says what is wrong, and an exit status.

Commands import what they need when they run, so that `avatar --help` stays quick.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from orchestrator.cli.config import config
from orchestrator.cli.envs import envs
from orchestrator.cli.models import models
from orchestrator.cli.plan import plan
from orchestrator.cli.portraits import portraits
from orchestrator.cli.run import run
from orchestrator.cli.stage import stage
from orchestrator.cli.status import status
from orchestrator.cli.trace import trace
from orchestrator.cli.track import track
from orchestrator.cli.worker import worker
from shared_schema.errors import AvatarError, Cancelled

__all__ = ["avatar", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="avatar-pipeline", prog_name="avatar")
def avatar() -> None:
    """Text, a voice recording and a portrait in; a lip-synced talking-head video out."""


avatar.add_command(run)
avatar.add_command(stage)
stage.add_command(track)
avatar.add_command(portraits)
avatar.add_command(worker)
avatar.add_command(status)
avatar.add_command(trace)
avatar.add_command(plan)
avatar.add_command(envs)
avatar.add_command(models)
avatar.add_command(config)


def main() -> NoReturn:
    """Run the command line; exit with its status."""
    try:
        # Not standalone, click returns the status of an Exit that a command has raised.
        status = avatar.main(prog_name="avatar", standalone_mode=False) or 0
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "avatar"
        status = _complain(f"{error.format_message()} See `{command} --help`.", error.exit_code)
    except click.ClickException as error:
        status = _complain(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        status = _complain("interrupted", Cancelled.exit_status)
    except AvatarError as error:
        status = _complain(str(error), error.exit_status)
    except BrokenPipeError:
        # Whoever read our output has stopped; say nothing more, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def _complain(message: str, status: int) -> int:
    line = " ".join(message.split())
    click.echo(f"avatar: {line}", err=True)
    return status
