"""`netlake label`: ground truth, labels and training sets; each sub-command is a module of this package."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from netlake.cli import netcap


class Commands(click.Group):
    """A group whose commands are the attribute `command` of the modules of this package, imported when called.

    A trailing underscore of a module's name is not part of the command's: `import_` is `import`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        del ctx
        return sorted(found.name.rstrip("_") for found in pkgutil.iter_modules(__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, imported now; None if there is none."""
        modules = {found.name.rstrip("_"): found.name for found in pkgutil.iter_modules(__path__)}
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{modules[cmd_name]}").command
        return command


@click.group(
    "label",
    cls=Commands,
    invoke_without_command=True,
    no_args_is_help=True,
    short_help="Label records with ground truth of attacks, and make training sets.",
    epilog=netcap.EXAMPLES,
)
@netcap.chosen
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Label records with ground truth of attacks, and make training sets.

    The options are for labelling in one step, as netcap does: rules from a file of attacks (--custom) or from Suricata
    (--read) are imported and applied, and each table with labels is written to TABLE_labeled.csv, with a last column
    `result`: the label, or `normal`.

    Exit codes: 0 every row of the rules was used; 1 failure, and nothing was written; 2 wrong usage; 3 some rows of the
    rules are invalid, and the others were used.
    """
    return netcap.run(ctx, given)
