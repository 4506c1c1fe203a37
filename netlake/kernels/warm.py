"""Compile every kernel beforehand: once for an installation, in as many processes as there are processors.

numba compiles under one lock, so threads would wait for each other; processes do not. `python -m netlake.kernels.warm
PART PARTS` compiles one share.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import netlake.kernels
from netlake.kernels import Kernel, cache_directory, digest_of

# the kernels that take longest to compile, longest first: they begin at once, each in a process of its own
LONGEST = ("netlake.kernels.walk.walk", "netlake.kernels.flow.track")


def every() -> dict[str, Kernel]:
    """Every kernel with a signature, by its full name."""
    found: dict[str, Kernel] = {}
    for info in pkgutil.iter_modules(netlake.kernels.__path__, "netlake.kernels."):
        if info.name == "netlake.kernels.warm":
            continue
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Kernel) and value.signature and value.__module__ == info.name:
                found[f"{info.name}.{value.__name__}"] = value
    return dict(sorted(found.items(), key=lambda item: (item[0] not in LONGEST, item[0])))


def _marker() -> Path | None:
    base = cache_directory()
    if base is None:
        return None
    return base / f"warm-{digest_of(*sorted({kernel.__module__ for kernel in every().values()}))}"


def is_warm() -> bool:
    """Whether `warm` has run for the kernels as they are now."""
    marker = _marker()
    return marker is not None and marker.exists()


def warm(parts: int | None = None) -> int:
    """Compile every kernel that is not compiled yet; how many there are. What fails is compiled when it is used."""
    marker = _marker()
    kernels = every()
    if marker is None or marker.exists():
        return len(kernels)
    parts = max(1, min(parts or os.cpu_count() or 1, 8))
    command = [sys.executable, "-m", "netlake.kernels.warm"]
    shares = [subprocess.Popen([*command, str(part), str(parts)]) for part in range(parts)]  # noqa: S603
    codes = [share.wait() for share in shares]
    if not any(codes):
        marker.touch()
    return len(kernels)


def compile_share(part: int, parts: int) -> None:
    """Compile each kernel whose turn it is."""
    for index, kernel in enumerate(every().values()):
        if index % parts == part:
            kernel.compile()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compile_share(int(sys.argv[1]), int(sys.argv[2]))
    else:
        warm()
