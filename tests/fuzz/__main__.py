"""`python -m tests.fuzz [--minutes 10]`: see tests.fuzz. Exit code 1 if anything was found."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from netlake.kernels import warm
from tests.fuzz.run import MOST_SECONDS, Result, guided, seeded
from tests.fuzz.targets import names, target

# seconds until a process has loaded its kernels
START = 60


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz everything that reads input.")
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="minutes of all targets together (10)")
    parser.add_argument("--runs", type=int, metavar="N", help="N inputs of each target, without atheris")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the inputs (1)")
    parser.add_argument("--only", action="append", metavar="TARGET", help="only this target; can be repeated")
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), metavar="DIR", help="corpus and findings (fuzz)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="execute one input of the target of --only")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def say(sentence: str) -> None:
    """Print a line and flush."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def in_process(name: str, given: argparse.Namespace, seconds: int) -> Result:
    """Fuzz one target in a process; again for the time that is left if it ends abnormally, which is a finding."""
    total, left = Result(name), float(seconds)
    while left > 1:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report"
            seed, minutes = given.seed + int(seconds - left), left / 60
            command = [sys.executable, "-m", "tests.fuzz", "--only", name, "--folder", str(given.folder),
                       "--seed", str(seed), "--minutes", str(minutes), "--child", str(report)]  # fmt: skip
            log = given.folder / f"{name.replace(' ', '-')}.log"
            with log.open("w") as output:
                limit = left + START + 2 * MOST_SECONDS
                code = subprocess.run(command, stdout=output, stderr=output, timeout=limit, check=False).returncode
            if report.exists():
                part = json.loads(report.read_text("utf-8"))
                total.executions += part["executions"]
                total.seconds += part["seconds"]
                for kind, count in part["kinds"].items():
                    total.kinds[kind] = total.kinds.get(kind, 0) + count
        if code == 0:
            break
        kind = f"the process ended with code {code}; see {log}"
        total.kinds[kind] = total.kinds.get(kind, 0) + 1
        left -= max(1.0, time.monotonic() - began)
    return total


def show(result: Result) -> None:
    """Print one target and what was found of it."""
    say(f"{result.target:<24}{result.executions:>10,}{result.seconds:>9.0f}{len(result.kinds):>10}")
    for kind, count in sorted(result.kinds.items(), key=lambda one: -one[1]):
        say(f"    {count:,} times {kind}")


def main() -> int:
    """Fuzz all targets in turn, or replay one input."""
    given = arguments()
    chosen = given.only or names()
    if unknown := sorted(set(chosen) - set(names())):
        say(f"There is no target {unknown[0]}; targets are {', '.join(names())}.")
        return 2
    findings = given.folder / "findings"
    if given.replay:
        target(chosen[0])[0].run(given.replay.read_bytes())
        return 0
    seconds = max(5, int(60 * given.minutes / len(chosen)))
    if given.child:
        name = chosen[0]
        corpus = given.folder / "corpus" / name.replace(" ", "-")
        guided(name, findings, corpus, seconds=seconds, seed=given.seed, report=given.child)
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    warm.warm()
    if given.runs is None and importlib.util.find_spec("atheris") is None:
        say("atheris is not installed (it has wheels for Linux); use --runs N.")
        return 2
    say(f"{'target':<24}{'executions':>10}{'seconds':>9}{'findings':>10}")
    results = []
    for name in chosen:
        if given.runs is not None:
            results.append(seeded(name, findings, runs=given.runs, seed=given.seed))
        else:
            results.append(in_process(name, given, seconds))
        show(results[-1])
    found = sum(len(result.kinds) for result in results)
    say(
        f"{sum(result.executions for result in results):,} executions; {found} findings"
        + (f" in {findings}" * (found > 0))
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
