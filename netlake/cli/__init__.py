"""The command line: sub-commands are modules of this package, imported when they are called.

Exit codes: 0 done, 1 it could not be done (one sentence on stderr), 2 the command was not understood, 3 done in part
(a capture could not be read to its end), 130 interrupted. Data goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from netlake import __version__
from netlake.errors import NetlakeError
from netlake.query.output.visible import say

# name of the command -> its module; the order is that of a first use
COMMANDS = ("capture", "tables", "captures", "dump", "sql", "util")
OK, ERROR, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130


class Commands(click.Group):
    """A group whose commands are modules; each module's `command` is one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of COMMANDS."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"netlake.cli.{cmd_name}").command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="netlake", help="Print the version and exit.")
@click.option("--debug", is_flag=True, help="Show where in the program an error arose.")
@click.pass_context
def netlake(ctx: click.Context, debug: bool) -> None:  # noqa: FBT001 - a flag is what click gives
    """A lake of typed network records: captures become tables that SQL can query."""
    ctx.obj = {"debug": debug or bool(os.environ.get("NETLAKE_DEBUG"))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    debug = "--debug" in given or bool(os.environ.get("NETLAKE_DEBUG"))
    try:
        code = netlake.main(given, prog_name="netlake", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("interrupted.")
        return INTERRUPTED
    except SystemExit:  # click's, when whoever reads stdout has enough
        return OK
    except (NetlakeError, OSError) as error:
        if debug:
            traceback.print_exc()
        say(str(error) if isinstance(error, NetlakeError) else _sentence(error))
        return ERROR
    return code if isinstance(code, int) else OK


def _open_streams() -> None:
    """What the caller closed of stdin, stdout and stderr leads nowhere; else the next file, of the lake, were it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the least number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _sentence(error: OSError) -> str:
    """What the system could not do; without the name of a file it was to write what is printed."""
    why = error.strerror or str(error)
    return f"{error.filename}: {why}." if error.filename else f"The output could not be written: {why}."
