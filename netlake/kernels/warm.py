"""Compile all kernels in advance: once for an installation, in one process per CPU.

- Numba compiles under a lock of its process, so threads would wait for each other; processes do not. Each compiles a
  share: `python -m netlake.kernels.warm PART PARTS`.
- A file named after the digest of all kernel modules marks that it was done (`is_warm`).
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

# the kernels that take longest to compile, longest first: each is the first of its process
LONGEST = ("netlake.kernels.walk.walk", "netlake.kernels.flow.track", "netlake.kernels.reassembly.segments")


def every() -> dict[str, Kernel]:
    """Every kernel with a signature, by its full name."""
    found: dict[str, Kernel] = {}
    for info in pkgutil.walk_packages(netlake.kernels.__path__, "netlake.kernels."):
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
    """Whether `warm` has compiled the present kernels."""
    marker = _marker()
    return marker is not None and marker.exists()


def warm(parts: int | None = None) -> int:
    """Compile the kernels that are not in the cache; returns the number of all. One that fails is compiled on use."""
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
    """Compile every kernel of one share."""
    for index, kernel in enumerate(every().values()):
        if index % parts == part:
            kernel.compile()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compile_share(int(sys.argv[1]), int(sys.argv[2]))
    else:
        warm()
