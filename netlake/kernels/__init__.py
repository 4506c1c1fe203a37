"""The one way to compile: `kernel`, and where compiled code is kept.

Rules of this file:
- Every jitted function, helpers too, is made by `kernel`, so that every one is bounds-checked: a checked kernel that
  calls an unchecked helper reads outside the array in silence. A negative index still wraps, so an offset is checked to
  be >= 0 where it is computed.
- Nothing is compiled, and numba is not imported, until a kernel is first called: `netlake --help` costs nothing.
- A kernel has one fixed signature (no compile for each type); a helper has none and is compiled into its callers.
- A kernel allocates nothing and returns no array: its caller hands it the arrays, scratch ones too. So numba's
reference
  counting is off (`_nrt=False`), which is what makes helpers affordable: a helper that is handed six arrays costs 1
  ns a call without it and 115 ns with it. Numba refuses at compile time what would need it; `allocates=True` is the
  way out for a kernel that is called seldom.
- Compiled code is kept in a folder named after the text of the kernel's module and of the kernel modules that it
  imports: numba's own cache looks at one file only and would go on using a changed helper's old code.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import netlake.packets
import netlake.schema.faults  # noqa: F401 - see digest_of

_LOCK = threading.RLock()
_PACKAGE = Path(__file__).resolve().parent


class Kernel:
    """A function that is compiled when it is first called."""

    def __init__(self, function: Callable[..., Any], signature: str | None, *, once: bool, allocates: bool) -> None:
        self.function, self.signature, self.once, self.allocates = function, signature, once, allocates
        self.compiled: Any = None
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__

    def __call__(self, *arguments: Any) -> Any:
        """Call it, compiled."""
        return (self.compiled or self.compile())(*arguments)

    def compile(self) -> Any:
        """The compiled dispatcher, from the cache if it is there."""
        with _LOCK:
            if self.compiled is None:
                self.compiled = _jit(self)
            return self.compiled


def kernel(
    signature: str | None = None, *, once: bool = False, allocates: bool = False
) -> Callable[[Callable[..., Any]], Kernel]:
    """Mark a function as a kernel; without a signature it is a helper, for kernels to call.

    `once` says that a helper has one caller, which it is made part of: its arrays are then not handed over in a call.
    """
    return lambda function: Kernel(function, signature, once=once, allocates=allocates)


@cache
def _numba() -> Any:
    import numba
    from numba.core import types as numba_types
    from numba.extending import typeof_impl

    @typeof_impl.register(Kernel)
    def _typeof(value: Kernel, _context: Any) -> Any:
        return numba_types.Dispatcher(value.compile())

    _load_lightly()
    return numba


def _load_lightly() -> None:
    """Compiled code is loaded without what only compiling needs: numba's knowledge of NumPy, a third of a second."""
    from numba.core.caching import Cache

    load = Cache.load_overload

    def load_overload(self: Any, signature: Any, target_context: Any) -> Any:
        # compiling refreshes the context itself, so leaving it out here loses nothing
        target_context.refresh = lambda: None
        try:
            return load(self, signature, target_context)
        finally:
            del target_context.refresh

    setattr(Cache, "load_overload", load_overload)  # noqa: B010 - a type checker would have it that this is a mistake


def _jit(made: Kernel) -> Any:
    numba = _numba()
    signature = made.signature
    folder = _folder(made.function.__module__) if signature else None
    options = {"nogil": True, "boundscheck": True, "cache": folder is not None, "_nrt": made.allocates,
               "forceinline": made.once}  # fmt: skip
    numba.config.CACHE_DIR = str(folder) if folder else ""
    return numba.njit([signature], **options)(made.function) if signature else numba.njit(**options)(made.function)


def digest_of(*modules: str) -> str:
    """A name for the text of `modules`, of those whose kernels they use, and of the numbers that all of them know."""
    seen: set[str] = {__name__, "netlake.packets", "netlake.schema.faults"}
    left = list(modules)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for value in vars(sys.modules[name]).values():
            if isinstance(value, Kernel):
                left.append(value.__module__)
            elif isinstance(value, types.ModuleType) and value.__name__.startswith("netlake."):
                left.append(value.__name__)
    digest = hashlib.blake2b(digest_size=10)
    for name in sorted(seen):
        digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
    return digest.hexdigest()


@cache
def _folder(module: str) -> Path | None:
    base = cache_directory()
    if base is None:
        return None
    folder = base / f"{module.rpartition('.')[2]}-{digest_of(module)}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@cache
def cache_directory() -> Path | None:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, the package, the user's cache, a private folder, or nowhere."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    candidates = [Path(chosen)] if chosen else [_PACKAGE / "__pycache__", Path(home) / "netlake" / "kernels"]
    for candidate in candidates:
        if _writable(candidate):
            return candidate
    try:
        return Path(tempfile.mkdtemp(prefix="netlake-kernels-"))
    except OSError:
        sentence = "no folder can be written to keep compiled kernels, so each run compiles them again"
        print(f"netlake: {sentence}; set NUMBA_CACHE_DIR to one that can.", file=sys.stderr)  # noqa: T201 - said once
        return None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
