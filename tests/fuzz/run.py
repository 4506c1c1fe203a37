"""Fuzzes one target, with atheris or with a seed alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.findings import Findings
from tests.fuzz.targets import Target, target

# Python code that atheris instruments: not the kernels, which numba compiles from their byte code
INSTRUMENTED = ["netlake.streams", "netlake.protocols", "netlake.layers", "netlake.records"]
# seconds of one input, and MiB of the process; libFuzzer ends the process at either
MOST_SECONDS, MOST_MEMORY = 30, 4096
LARGEST = 1 << 16


@dataclass
class Result:
    """What one target did: executions, seconds, and how often each kind of failure was found."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it for the process that waits for this one."""
        path.write_text(json.dumps(asdict(self)), "utf-8")


class Session:
    """One target and its seeds; `once` executes one input."""

    def __init__(self, name: str, findings: Path) -> None:
        self.target: Target
        self.target, self.seeds = target(name)
        self.findings, self.result = Findings(findings, name), Result(name)
        self.began = time.monotonic()

    def once(self, data: bytes) -> None:
        """Execute one input; a failure is noted."""
        self.result.executions += 1
        try:
            self.target.run(data)
        except Exception as error:  # noqa: BLE001 - any exception is a finding
            self.findings.add(error, data)
        self.result.seconds = time.monotonic() - self.began
        self.result.kinds = self.findings.kinds

    def changed(self, data: bytes, chance: Random) -> bytes:
        """Another input."""
        return self.target.change(data, self.seeds, chance)[:LARGEST]


def seeded(name: str, findings: Path, *, runs: int, seed: int, seeds: bool = True) -> Result:
    """Execute the seeds, if wanted, and `runs` changed ones; the same ones for the same seed."""
    session, chance = Session(name, findings), Random(f"{name} {seed}")  # noqa: S311 - test data
    for data in session.seeds if seeds else ():
        session.once(data)
    for _ in range(runs if session.seeds else 0):
        data = chance.choice(session.seeds)
        for _ in range(chance.choice((1, 1, 2, 3))):
            data = session.changed(data, chance)
        session.once(data)
    return session.result


def guided(name: str, findings: Path, corpus: Path, *, seconds: int, seed: int, report: Path) -> None:
    """Fuzz with atheris for some seconds; libFuzzer ends the process. The result is in `report`."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        session = Session(name, findings)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(session.seeds):
        (corpus / f"seed-{number:05}").write_bytes(data)
    due = 0.0

    def once(data: bytes) -> None:
        nonlocal due
        session.once(data)
        if session.result.seconds >= due:
            session.result.write(report)
            due = session.result.seconds + 1

    def mutator(data: bytes, most: int, number: int) -> bytes:
        chance = Random(number)  # noqa: S311 - test data
        return bytes(data) if most < 1 else session.changed(data, chance)[:most]

    findings.mkdir(parents=True, exist_ok=True)
    options: Sequence[str] = (
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-timeout={MOST_SECONDS}", f"-seed={seed}",
        f"-rss_limit_mb={MOST_MEMORY}", f"-max_len={LARGEST}", "-len_control=0", "-print_final_stats=0", "-verbosity=0",
        f"-artifact_prefix={findings / name.replace(' ', '-')}-",
    )  # fmt: skip
    atheris.Setup(list(options), once, custom_mutator=mutator, internal_libfuzzer=True)
    atheris.Fuzz()
