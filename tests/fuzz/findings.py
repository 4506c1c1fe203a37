"""What fuzzing found: each kind of failure once, with the input that shows it and how to repeat it."""

from __future__ import annotations

import hashlib
import traceback
from pathlib import Path


class Findings:
    """The failures of one target, in `folder`; of each kind MOST inputs are written."""

    MOST = 2

    def __init__(self, folder: Path, target: str) -> None:
        self.folder, self.target = folder, target
        self.kinds: dict[str, int] = {}

    def add(self, error: BaseException, data: bytes) -> None:
        """Note a failure, and write its input if there are few of its kind."""
        kind = kind_of(error)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] > self.MOST:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.target.replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:12]}"
        (self.folder / f"{name}.input").write_bytes(data)
        text = "".join(traceback.format_exception(error))
        command = f"python -m tests.fuzz --only '{self.target}' --replay {self.folder / name}.input"
        (self.folder / f"{name}.txt").write_text(f"{kind}\n\n{text}\n{command}\n", "utf-8")


def kind_of(error: BaseException) -> str:
    """The type of an exception, and the line that raised it or, of a failed check, what it says first."""
    steps = traceback.extract_tb(error.__traceback__)
    inside = [step for step in steps if "/netlake/" in step.filename] or list(steps)
    where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else "?"
    says = str(error).split("\n", 1)[0][:120]
    return f"{type(error).__name__} at {where}: {says}"
