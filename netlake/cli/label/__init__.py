"""`netlake label`: ground truth, labels and training sets; each sub-command is a module of this package."""

from __future__ import annotations

import importlib
import pkgutil

import click


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


@click.group("label", cls=Commands)
def command() -> None:
    """Label records with ground truth of attacks, and make training sets."""
