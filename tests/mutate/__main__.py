"""`python -m tests.mutate`: see tests.mutate."""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from collections import defaultdict
from pathlib import Path

from tests import test_protocols
from tests.mutate import modules, run
from tests.mutate.mutants import Mutant, mutants, sample

EQUIVALENT = Path(__file__).parent / "equivalent.toml"


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description="Test the cases of protocols.")
    parser.add_argument("--sample", type=int, default=12, metavar="N", help="mutants of each module (12; 0 all)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="take other mutants")
    parser.add_argument("--least", type=float, default=0.9, metavar="SHARE", help="fail below this share killed (0.9)")
    parser.add_argument("--only", metavar="TEXT", help="take modules with this in their name")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes side by side (2)")
    parser.add_argument("--killers", action="store_true", help="name the check that killed each mutant")
    return parser.parse_args()


def equivalent(known: list[dict[str, str]], mutant: Mutant) -> bool:
    """Whether the mutant is in the list of those that no input can distinguish."""
    key = (modules.relative(mutant.module), mutant.text, mutant.change)
    return any((one["file"], one["line"], one["change"]) == key for one in known)


def outdated(known: list[dict[str, str]], names: list[str]) -> list[str]:
    """Entries of the list whose file has no such mutant any more."""
    there = {
        (modules.relative(name), mutant.text, mutant.change)
        for name in names
        for mutant in mutants(name, modules.source(name))
    }
    keys = ((one["file"], one["line"], one["change"]) for one in known)
    return [f"{file}: {line}: {change}" for file, line, change in keys if (file, line, change) not in there]


def main() -> int:
    """Judge a sample of mutants; 0 if enough are killed."""
    given = arguments()
    os.nice(5)
    began = time.monotonic()
    known = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    names = modules.mutable(test_protocols.TABLES)
    if gone := outdated(known, names):
        run.say(f"{EQUIVALENT.name} has mutants that do not exist; remove them: {'; '.join(gone)}")
        return 2
    chosen: list[Mutant] = []
    skipped = 0
    for name in names:
        if given.only and given.only not in name:
            continue
        found = sample(mutants(name, modules.source(name)), given.sample, given.seed)
        kept = [mutant for mutant in found if not equivalent(known, mutant)]
        skipped += len(found) - len(kept)
        chosen += kept
    killed: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    survivors = []
    for verdict in run.verdicts(chosen, given.jobs):
        total[verdict.mutant.module] += 1
        killed[verdict.mutant.module] += verdict.killed
        if not verdict.killed:
            survivors.append(verdict.mutant)
            run.say(f"survived: {shown(verdict.mutant)}")
        elif given.killers:
            sys.stdout.write(f"{shown(verdict.mutant)}: {verdict.by}\n")
    for name in sorted(total):
        sys.stdout.write(f"{killed[name]:4}/{total[name]:<4} {modules.relative(name)}\n")
    for mutant in sorted(survivors, key=lambda one: (one.module, one.number)):
        sys.stdout.write(f"survived: {shown(mutant)}\n")
    share = sum(killed.values()) / len(chosen) if chosen else 1.0
    sys.stdout.write(
        f"{sum(killed.values())} of {len(chosen)} mutants killed ({share:.1%}), {skipped} more are equivalent,"
        f" in {time.monotonic() - began:.0f} s\n"
    )
    return 0 if share >= given.least else 1


def shown(mutant: Mutant) -> str:
    """File, line, change and text of the line."""
    return f"{modules.relative(mutant.module)}:{mutant.line}: {mutant.change}: {mutant.text}"


if __name__ == "__main__":
    sys.exit(main())
