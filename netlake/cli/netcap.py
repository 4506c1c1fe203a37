"""`netlake label` without a sub-command: netcap's labelling, see netlake.label.netcap_mode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from netlake.cli import OK, PARTIAL, listing, options, steps
from netlake.query.output.visible import say
from netlake.spelling import spelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from netlake.label.netcap_mode import Report

Function = TypeVar("Function", bound="Callable[..., Any]")

EXAMPLES = """\b
netlake label --custom attacks.yml --zone America/Halifax --out labelled
netlake label --read trace.pcap --out labelled --exclude "Misc activity"
netlake label import attacks.yml --zone America/Halifax
"""
_FILE = options.NamedPath(exists=True, dir_okay=False, path_type=Path)
# options of one way of labelling, and those without which the others mean nothing
_CUSTOM, _SURICATA = ("zone", "clock"), ("suricata_config", "rules")
# findings and rules without records that are printed
SHOWN = 5

_OPTIONS = (
    click.option("--custom", metavar="FILE", callback=options.filled,
                 help="Label as netcap does, by the attacks in FILE: netcap's YAML or CSV, or any format of"
                 " `netlake label import`."),
    click.option("--zone", metavar="ZONE", help="With --custom: time zone of local times in FILE, an IANA name."),
    click.option("--clock", type=click.Choice(["12", "24"]),
                 help="With --custom: how to read times without AM or PM, see `netlake label import`."),
    click.option("--read", metavar="CAPTURE", type=_FILE,
                 help="Label as netcap does, by the alerts of Suricata for CAPTURE, a file that is in the lake."),
    click.option("--suricata-config", metavar="FILE", type=_FILE, help="With --read: configuration of Suricata."),
    click.option("--rules", metavar="FILE", type=_FILE, help="With --read: use only the rules in this file."),
    click.option("--out", metavar="DIR", type=options.NamedPath(path_type=Path),
                 help="Folder for the files TABLE_labeled.csv; it is created if it does not exist."),
    click.option("--description", is_flag=True,
                 help="Name of the attack, or text of the alert, instead of its category or classification."),
    click.option("--collect", is_flag=True, help='All different labels of a record, joined by " | ".'),
    click.option("--exclude", metavar="CLASSES", multiple=True, callback=options.listed,
                 help="Classes that are no labels (comma-separated)."),
    click.option("--sep", metavar="CHARACTER", default=",", show_default=True, help="Separator of columns."),
    click.option("--raw", is_flag=True,
                 help="Write text unchanged; by default control characters and formulas of spreadsheets are escaped."),
    click.option("--name", metavar="NAME", help="Name of the source and version of labels that stay in the lake; one"
                 " of this name is replaced (default: netcap)."),
    click.option("--temporary", is_flag=True, help="Leave neither source nor version of labels in the lake."),
    click.option("--debug", is_flag=True, expose_value=False, help="Print the traceback of an error."),
    options.lake,
)  # fmt: skip


def chosen(function: Function) -> Function:
    """Add the options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def run(ctx: click.Context, given: dict[str, Any]) -> int:
    """Label as netcap does; with a sub-command do nothing. Returns the exit code."""
    named = [name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if ctx.invoked_subcommand is not None:
        if named:
            command = ctx.invoked_subcommand
            raise click.UsageError(
                f"--{_dashed(named[0])} before {command} belongs to `netlake label` without a sub-command: omit it, or"
                f" give it after {command} if that has such an option.", ctx
            )  # fmt: skip
        return OK
    _check(ctx, given, named)
    report = _label(given)
    _show(report, given)
    return PARTIAL if _problems(report.rules) else OK


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _check(ctx: click.Context, given: dict[str, Any], named: list[str]) -> None:
    """UsageError for options that are missing, or do not go together."""
    custom, read = given["custom"] is not None, given["read"] is not None
    if custom == read:
        which = "--custom or --read, not both" if custom else "--custom FILE or --read CAPTURE, or a sub-command"
        raise click.UsageError(f"Give {which}.", ctx)
    if given["out"] is None:
        raise click.UsageError("Give --out DIR, the folder for the labelled files.", ctx)
    for name in _SURICATA if custom else _CUSTOM:
        if name in named:
            raise click.UsageError(f"--{_dashed(name)} is for --{'read' if custom else 'custom'}: omit it.", ctx)
    if given["temporary"] and "name" in named:
        raise click.UsageError("--temporary leaves nothing that has a name: omit --name.", ctx)


def _label(given: dict[str, Any]) -> Report:
    from netlake.cli.label.import_ import explained
    from netlake.label import netcap_mode
    from netlake.label.labelled_csv import Form
    from netlake.label.truth import suricata

    separator = "\t" if given["sep"] == "\\t" else given["sep"]
    form = Form(separator, given["collect"], given["description"], given["exclude"], given["raw"])
    name = netcap_mode.NAME if given["name"] is None else given["name"]
    wanted = netcap_mode.Options(given["out"], name, given["temporary"], form)
    with steps.shown("labelling") as draw, explained():
        if given["custom"] is not None:
            return netcap_mode.custom(
                given["lake"], given["custom"], wanted, zone=given["zone"], clock=given["clock"], progress=draw
            )
        program = suricata.Options(rules=given["rules"], config=given["suricata_config"])
        return netcap_mode.alerts(given["lake"], given["read"], wanted, program, progress=draw)


def _problems(rules: object) -> int:
    """Number of rows, alerts and rules that could not be used."""
    bad = getattr(rules, "bad", None)
    return len(rules.problems) if bad is None else int(bad)  # type: ignore[attr-defined]


def _show(report: Report, given: dict[str, Any]) -> None:
    _say_problems(report)
    listing.show([(f"{table.name}_labeled.csv", f"{table.rows:,}", f"{table.labelled:,}") for table in report.tables],
                 right=(1, 2), head=("file", "rows", "labelled"))  # fmt: skip
    click.echo()
    names = sorted({result for table in report.tables for result in table.results})
    by_table = {table.name: table.results for table in report.tables}
    shown = [name for name in ("packet", "connection") if name in by_table]
    rows = [(name, *(f"{by_table[table][name]:,}" for table in shown)) for name in names]
    listing.show(rows, right=range(1, len(shown) + 1), head=("result", *(f"{table} rows" for table in shown)))
    rules = report.labels.rules
    click.echo(f"\n{rules:,} {'rule' if rules == 1 else 'rules'} labelled {len(report.tables):,} tables in"
               f" {spelled(given['out'])}; other rows are `normal`: no rule is about them.")  # fmt: skip
    if given["temporary"]:
        click.echo("The lake has neither these rules nor these labels.")
        return
    name = report.name
    click.echo(f"The lake keeps source {name} and version {name} of labels for `netlake label explain`; remove them"
               f" with `netlake label versions rm {name}` and `netlake label rm {name}`.")  # fmt: skip


def _say_problems(report: Report) -> None:
    """Print to stderr what could not be used, and what is probably wrong with the rules."""
    rules: Any = report.rules
    for sentence in rules.problems:
        say(sentence)
    if (left := _problems(rules) - len(rules.problems)) > 0:
        say(f"{left:,} further invalid rows are not listed.")
    for finding in report.labels.findings[:SHOWN]:
        say(finding.sentence)
    missed = report.labels.missed
    for one in missed[:SHOWN]:
        say(f"rule {one.rule} ({one.place}), {one.label}, matches nothing: {one.sentence}")
    if len(missed) > SHOWN:
        say(f"{len(missed) - SHOWN:,} further rules match nothing.")
