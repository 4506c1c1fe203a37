"""The command line: each sub-command is a module of this package, imported when it is called.

Exit codes: 0 success, 1 failure (one sentence on stderr), 2 wrong usage (an unknown option, or an invalid value of
one), 3 partial success (a capture could not be read to its end, or a file of the lake is damaged), 130 interrupted.
Data goes to stdout, messages go to stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from netlake import __version__
from netlake.cli.options import NamedPath
from netlake.errors import NetlakeError
from netlake.query.output.visible import say
from netlake.spelling import spelled

# names of the commands and of their modules, in the order of `--help`
COMMANDS = ("capture", "tables", "captures", "compact", "dump", "timeline", "sql", "query", "carve", "follow", "search",
            "catalog", "label", "util")  # fmt: skip
OK, ERROR, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130


class Commands(click.Group):
    """A group whose commands are the attribute `command` of the modules that COMMANDS names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of COMMANDS."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, imported now; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"netlake.cli.{cmd_name}").command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="netlake", help="Print the version and exit.")
@click.option("--debug", is_flag=True, help="Print the traceback of an error.")
@click.option(
    "--lake",
    metavar="DIR",
    type=NamedPath(file_okay=False, path_type=Path),
    help="Folder of the lake, as after the name of a command.",
)
@click.pass_context
def netlake(ctx: click.Context, debug: bool, lake: Path | None) -> None:  # noqa: FBT001 - click passes by position
    """Decode network captures into a lake of typed tables, and query them with SQL."""
    ctx.obj = {"debug": debug or bool(os.environ.get("NETLAKE_DEBUG"))}
    if lake is not None:
        # the commands read the variable; it gets its value back when this one ends
        ctx.with_resource(_variable("NETLAKE_LAKE", str(lake)))


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """While the block runs, the environment variable `name` has this value."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` are those of the process by default."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    debug = "--debug" in given or bool(os.environ.get("NETLAKE_DEBUG"))
    try:
        code = netlake.main(given, prog_name="netlake", standalone_mode=False)
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            say(_usage(error))
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        say("interrupted.")
        return INTERRUPTED
    except SystemExit:  # raised by click when the reader of stdout closed the pipe
        return OK
    except (NetlakeError, OSError) as error:
        if debug:
            traceback.print_exc()
        if not isinstance(error, NetlakeError):
            say(_sentence(error))
            return ERROR
        say(error.sentence, error.lines)
        return error.exit_code
    return code if isinstance(code, int) else OK


def _usage(error: click.UsageError) -> str:
    """One sentence about wrong usage, which names the help of the command."""
    command = error.ctx.command_path if error.ctx else "netlake"
    return f"{error.format_message().replace(chr(10), ' ').rstrip('.')}; see `{command} --help`."


def _open_streams() -> None:
    """Open /dev/null for each of stdin, stdout and stderr that is closed.

    Otherwise the next file opened, one of the lake, would get that number and receive what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _sentence(error: OSError) -> str:
    """The message for a system error; one without a file name comes from writing to stdout."""
    why = error.strerror or str(error)
    return f"{spelled(error.filename)}: {why}." if error.filename else f"The output could not be written: {why}."
