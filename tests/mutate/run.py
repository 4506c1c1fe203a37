"""Verdicts on mutants: each in a forked child, which executes the mutated module and runs the checks of its tables.

A mutant is killed if a check fails, if the module cannot be executed, or if the child ends by itself, or needs more
processor time than LIMIT times what the code as it is needs: a mutant may never end. Memory is limited for the same
reason.
"""

from __future__ import annotations

import importlib
import inspect
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings

from tests import test_protocols
from tests.mutate import modules
from tests.mutate.mutants import Mutant, mutated

LIMIT = 5
LEAST_SECONDS = 3.0
# of the clock, for a child that waits for ever: other programs may use the processors
WAITING = 60
MEMORY = 2 << 30
# tests of a table in modules of their own, run after its cases: whole modules, or functions of one
DNS = ("tests.dns.decoder", "tests.dns.test_reader", "tests.dns.test_rdata")
HELLO = ("tests.test_client_hello",)
PROBES = ("tests.test_probes",)
FURTHER: dict[str, tuple[str, ...]] = {
    "dns": DNS, "dtls": HELLO, "quic": (*HELLO, *PROBES), "rtp": PROBES, "isakmp": PROBES, "ipsec_esp": PROBES,
}  # fmt: skip
# tests of what modules below the tables do for streams and files, which the cases of protocols do not reach
KEYS = ("tests.streams.test_key_log", "tests.streams.test_tls_decryptor")
OWN: dict[str, tuple[str, ...]] = {
    "netlake.layers.handshake": ("tests.layers.test_handshake", *HELLO),
    "netlake.layers.key_log": KEYS, "netlake.layers.key_schedule": KEYS, "netlake.layers.decrypted": KEYS,
    "netlake.layers.tftp_files": ("tests.pipeline.test_tftp_files",),
}  # fmt: skip
# these draw examples at random, or take long; those of Hypothesis are the same ones each time
settings.register_profile("mutants", derandomize=True, database=None, deadline=None, report_multiple_bugs=False)
LEFT_OUT = {
    "test_a_probe_takes_no_noise_and_reads_within_its_messages", "test_any_segment",
    "test_any_bytes_raise_nothing_and_are_not_kept",
}  # fmt: skip
SURVIVED = "survived"
SCRATCH = tempfile.TemporaryDirectory(prefix="netlake-mutants-")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A mutant, and the check that killed it or SURVIVED."""

    mutant: Mutant
    by: str

    @property
    def killed(self) -> bool:
        return self.by != SURVIVED


def checks(names: Sequence[str], module: str = "") -> str:
    """Run the checks of `module`, then those of tables; which failed, or SURVIVED."""
    own = [table for table in test_protocols.TABLES if table in names]
    further = (name for table in own for name in FURTHER.get(table, ()))
    return _first(OWN.get(module, ())) or _case(own) or _first(further) or SURVIVED


def _case(own: list[str]) -> str:
    """The check of the cases of tables that fails, those first that find most; empty if none does."""
    cases = [case for table in own for case in test_protocols.of_table(table)]
    for check in test_protocols.CHECKS:
        for case in cases:
            if _fails(check, case):
                return f"{check.__name__}[{case.name}]"
    for together in test_protocols.CHECKS_TOGETHER:
        for table in (table for table in own if table not in test_protocols.JOINED):
            if _fails(together, table):
                return f"{together.__name__}[{table}]"
    return ""


def _first(names: Iterable[str]) -> str:
    """The first test that fails of some modules of tests; empty if none does."""
    for name in dict.fromkeys(names):
        for test, arguments in _tests(name):
            if _fails(test, **arguments):
                return f"{test.__name__}{list(arguments.values()) or ''}"
    return ""


def _tests(name: str) -> Iterator[tuple[Callable[..., None], dict[str, object]]]:
    """Tests of a module, of fixtures with a folder only, with each set of their parameters by name.

    Hypothesis draws the same examples each time. The module is executed first, and what it uses of other tests: they
    have bound functions of the code as it was.
    """
    module = importlib.import_module(name)
    settings.load_profile("mutants")
    for each in (*modules.helpers(name), name):
        exec(modules.code(each), sys.modules[each].__dict__)  # noqa: S102 - as it is
    for test in [value for key, value in module.__dict__.items() if key.startswith("test_")]:
        parameters = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        wanted = list(inspect.signature(test).parameters)
        folder: dict[str, object] = {}
        if "tmp_path" in wanted:
            folder = {"tmp_path": Path(tempfile.mkdtemp(dir=SCRATCH.name))}
            wanted.remove("tmp_path")
        if test.__name__ in LEFT_OUT or (wanted and not parameters):
            continue
        sets: list[dict[str, object]] = [{}]
        for mark in parameters:  # all combinations of several marks
            given, values = mark.args
            names = [word.strip() for word in given.split(",")] if isinstance(given, str) else list(given)
            rows = [_row(one, len(names)) for one in values]
            sets = [{**known, **dict(zip(names, row, strict=True))} for known in sets for row in rows]
        yield from ((test, named | folder) for named in sets if named.keys() == set(wanted))


def _row(one: Any, size: int) -> tuple[object, ...]:
    """One entry of `parametrize` as the values of its `size` names; it may be a `pytest.param`."""
    values = one.values if hasattr(one, "marks") else one
    return tuple(values) if size > 1 or values is not one else (one,)


def _fails(check: object, *arguments: object, **named: object) -> bool:
    try:
        check(*arguments, **named)  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - any failure notices the mutant
        return True
    return False


@cache
def seconds(names: tuple[str, ...], module: str = "") -> float:
    """Processor time that the checks of tables and a module need; RuntimeError if they fail without a mutant."""
    began = time.process_time()
    failed = checks(names, module)
    if failed != SURVIVED:
        raise RuntimeError(f"{failed} fails without a mutant; run the tests first")
    return time.process_time() - began


def verdicts(chosen: list[Mutant], jobs: int) -> Iterator[Verdict]:
    """The verdict on each mutant, as they are reached, by `jobs` processes side by side."""
    running: dict[int, tuple[Mutant, int]] = {}
    waiting = list(reversed(chosen))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process, result = _start(mutant)
            running[process] = (mutant, result)
        process, _ = os.wait()
        mutant, result = running.pop(process)
        with os.fdopen(result) as stream:
            said = stream.read()
        yield Verdict(mutant, said or "ended by itself or by the limit of time")


def _start(mutant: Mutant) -> tuple[int, int]:
    """Fork a child for `mutant`: its id, and the descriptor to read its result from."""
    names = tuple(modules.users(mutant.module))
    limit = max(LEAST_SECONDS, LIMIT * seconds(names, mutant.module if mutant.module in OWN else ""))
    result, answer = os.pipe()
    process = os.fork()
    if process:
        os.close(answer)
        return process, result
    try:
        # its output would be a mutant's, not ours
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.setitimer(signal.ITIMER_PROF, limit)
        signal.setitimer(signal.ITIMER_REAL, limit * WAITING)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.write(answer, _judge(mutant, names).encode())
    finally:
        os._exit(0)


def _judge(mutant: Mutant, names: Sequence[str]) -> str:
    tree = mutated(modules.source(mutant.module), mutant)
    try:
        modules.execute(mutant.module, compile(tree, str(modules.path(mutant.module)), "exec"))
    except Exception as error:  # noqa: BLE001 - a module that cannot be executed is noticed at once
        return f"import: {type(error).__name__}"
    return checks(names, mutant.module)


def say(sentence: str) -> None:
    """A line on stderr, at once."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
