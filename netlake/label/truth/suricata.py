"""Runs Suricata on captures and imports its alerts.

Theory of operation
- Suricata reads one capture at a time, because its packet numbers begin anew in each file, and a rule names one
  capture.
- It runs with its own configuration, or the one that is given, of which the outputs are replaced: only alerts, as
  eve.json, in a temporary folder. It runs in one thread, so that the alerts have the order of the packets.
- Checksums are not verified: captures of a sending host have wrong ones, and Suricata would ignore those packets.
- `--rules` replaces the rules of the configuration. Without any rule Suricata finds nothing, so that is an error.
- Suricata exits with 0 even if it could not read the capture, so its log is read. A compressed capture is unpacked
  first.
- The capture must be in the lake: its id is that by which the lake knows the file. The source is replaced as a whole,
  by the alerts of all captures of the run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netlake.derived.labels import TRUTH
from netlake.errors import InputError, LakeError, TruthError
from netlake.label.truth import files, store
from netlake.label.truth.reader import Task, every
from netlake.label.truth.rules import Notes, Rule
from netlake.lake.catalog import Catalog
from netlake.sources import open_capture
from netlake.sources.compressed import compression_of
from netlake.spelling import spelled

PROGRAM = "suricata"
_OUTPUTS = """%YAML 1.1
---
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      community-id: true
      types:
        - alert:
            metadata: yes
"""
_BAD_RULE = re.compile(r"error parsing signature \"(.*?)\" from file (\S+) at line (\d+)")


@dataclass(frozen=True, slots=True)
class Options:
    """How Suricata runs: `rules` and `config` are files, None for those of the installation."""

    name: str = PROGRAM
    rules: Path | None = None
    config: Path | None = None
    program: str = PROGRAM


@dataclass(slots=True)
class Report:
    """The result: `status` is added, replaced, removed (no alert, and the source existed) or unchanged (no alert).

    `alerts` are counts by capture, `problems` sentences about captures that failed and alerts that are no rules.
    """

    source: str
    program: str
    status: str = "unchanged"
    rules: int = 0
    labels: tuple[str, ...] = ()
    alerts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def version(program: str = PROGRAM) -> str:
    """`Suricata version 7.0.10 RELEASE`; TruthError if it is not installed."""
    found = shutil.which(program)
    if found is None:
        raise TruthError(
            f"{program} is not installed; on Debian: apt-get install suricata (bookworm: from bookworm-backports)."
        )
    done = subprocess.run([found, "-V"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    match = re.search(r"Suricata version \S+( RELEASE)?", done.stdout + done.stderr)
    if match is None:
        raise TruthError(f"{found} is not Suricata: `{found} -V` does not name its version.")
    return match[0]


def label(
    lake: Path,
    captures: Sequence[Path],
    options: Options | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Run Suricata on `captures`, which must be in the lake, and import its alerts as one source.

    `progress` is called after each capture with its index and its size in bytes.

    TruthError if Suricata is not installed, has no rules or fails on every capture; LakeError for a capture that is
    not in the lake, before anything runs.
    """
    chosen = options or Options()
    report = Report(chosen.name, version(chosen.program))
    catalog = Catalog(lake)
    for file in (chosen.rules, chosen.config):
        if file is not None and not file.is_file():
            raise TruthError(f"{spelled(file)} does not exist, or is not a file.")
    ids = {path: _capture_of(catalog, path) for path in dict.fromkeys(captures)}
    with tempfile.TemporaryDirectory(prefix="netlake-suricata-") as folder:
        runs = [(path, ids[path], Path(folder) / str(number)) for number, path in enumerate(ids)]
        done = []
        for index, run in enumerate(runs):
            if _ran(run[0], run[2], chosen, report):
                done.append(run)
            if progress:
                progress(index, run[0].stat().st_size)
        if not done:
            *others, last = report.problems
            raise store.NothingError(last, others)
        _import(catalog, done, report)
    return report


def _capture_of(catalog: Catalog, path: Path) -> str:
    """The id in the lake of the capture in a file."""
    try:
        with open_capture(path) as source:
            for _ in source.batches():
                pass
            sha256, ids = source.sha256, {source.capture_id, source.former_id}
    except InputError as error:
        raise TruthError(str(error)) from None
    for entry in catalog.captures():
        facts = entry.facts
        if facts.capture in ids or (sha256 and facts.sha256 == sha256):
            return facts.capture
    raise LakeError(f"{spelled(path)} is not in the lake; decode it first with `netlake capture {spelled(path)}`.")


def _ran(path: Path, folder: Path, options: Options, report: Report) -> bool:
    """Run Suricata on one capture; False after noting why it failed."""
    folder.mkdir()
    outputs = folder / "outputs.yaml"
    outputs.write_text(_OUTPUTS)
    command = [options.program, "-v", "-r", str(_plain(path, folder)), "-l", str(folder), "-k", "none"]
    command += ["--runmode", "single", "--include", str(outputs)]
    if options.config:
        command += ["-c", str(options.config.resolve())]
    if options.rules:
        command += ["-S", str(options.rules.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - no shell
    log = done.stdout + done.stderr
    for text, file, line in _BAD_RULE.findall(log):
        sentence = f"{file}, line {line}: Suricata cannot use this rule: {text[:200]}"
        if sentence not in report.problems:
            report.problems.append(sentence)
    if "no rules were loaded" in log:
        which = spelled(options.rules) if options.rules else "its configuration"
        first = f"Suricata found no usable rule in {which}; give a file of rules with --rules."
        raise store.NothingError(first, report.problems)
    failures = [text for text in log.splitlines() if text.startswith(("Error: pcap", "E: pcap"))]
    if done.returncode or failures or not (folder / "eve.json").exists():
        lines = failures or [text for text in log.splitlines() if "rror" in text] or ["it wrote nothing"]
        report.problems.append(f"Suricata failed on {spelled(path)}: {lines[0].strip()}")
        return False
    return True


def _plain(path: Path, folder: Path) -> Path:
    """The path of the unpacked capture."""
    with path.open("rb") as file:
        if compression_of(file.read(8)) is None:
            return path.resolve()
    unpacked = folder / "capture"
    with files.opened(path) as source, unpacked.open("wb") as target:
        shutil.copyfileobj(source, target)
    return unpacked


def _import(catalog: Catalog, done: Sequence[tuple[Path, str, Path]], report: Report) -> None:
    reader = every()["suricata-eve"]

    def rules() -> Iterator[Rule]:
        for path, capture, folder in done:
            notes = Notes(f"alerts of {spelled(path)}")
            count = 0
            for rule in reader.read(Task(folder / "eve.json", notes, capture=capture)):
                rule.line = None  # of a file that is removed
                count += 1
                yield rule
            report.alerts[spelled(path)] = count
            report.problems += notes.sentences

    named = done[0][0] if len(done) == 1 else done[0][0].parent
    writing = store.Writing(report.source, f"{report.program} on {spelled(named)}", reader.kind)
    try:
        report.status = store.write(catalog, writing, rules()).status
    except store.NothingError:
        if report.source in catalog.owners(TRUTH.name):
            catalog.remove_rows(TRUTH.name, report.source)
            report.status = "removed"
    report.rules, report.labels = writing.count, tuple(sorted(writing.labels))
