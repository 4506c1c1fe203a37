"""Compile kernels: `kernel` is the only way, and compiled code is cached.

Rules
- Every jitted function, helpers too, is made by `kernel`, so that every one is bounds-checked: a checked kernel that
  calls an unchecked helper reads outside an array without an error. A negative index still wraps, so an offset is
  checked to be >= 0 where it is computed.
- Nothing is compiled, and numba is not imported, until a kernel is first called: `netlake --help` stays fast.
- A kernel has one fixed signature (no compilation for each type); a helper has none and is compiled into its callers.
- A kernel allocates nothing and returns no array: its caller passes the arrays, scratch arrays included. Therefore
  numba's reference counting is off (`_nrt=False`), which makes helpers affordable: a helper with six arrays costs 1 ns
  a call without it and 115 ns with it. Numba refuses at compile time what needs it; `allocates=True` is for kernels
  that are called rarely.
- Nothing of numba's global state is changed, so that a program that uses netlake as a library keeps its own settings:
  the cache belongs to each dispatcher, see `_dispatcher_cache`.

Signatures
A signature is evaluated with numba's types and with two kinds of global names of the kernel's module:
- A NumPy structured dtype is its record type: `kernel("int64(FLOW[::1], int64)")` with
  `FLOW = np.dtype([("packets", np.int64), ("history", np.uint8, (32,))], align=True)`. In the kernel,
  `flows[row].packets += 1` and `flows[row].history[k] = 3` read and write in place; `flow = flows[row]` refers to the
  row and can be passed to a helper, which has to return a number, not the record. Row and nested index are both
  bounds-checked (IndexError). Use `align=True`: numba reads packed fields too, but unaligned.
- A NamedTuple class is a tuple type whose fields' types are in their annotations:
  `class PoolArrays(NamedTuple): keys: Annotated[Bytes, "uint8[:, ::1]"]`. A call then costs 2 us more than with arrays.

Members of an `IntEnum` are constants in kernels: they compare, index and are stored as numbers. `int(member)`,
`Enum(number)`, `IntFlag` and a tuple of members and numbers are refused; use `member.value` and plain constants. A
helper gets constants and members as integers: it is compiled once for all of them.

Cache
Compiled code is in a folder named after the digest of the texts of the kernel's module and of all kernel modules that
it imports, directly or not; of a package that it imports, with all its modules. Numba's own cache looks at one file
only and would use a changed helper's old code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

import netlake.packets
import netlake.schema.faults  # noqa: F401 - see COMMON

# (major, minor) of the versions of numba of which tests have shown that compiled code loads without a refreshed context
LIGHT_LOADING = ((0, 68),)
# modules outside this package whose constants kernels use; part of every digest
COMMON = ("netlake.packets", "netlake.schema.faults")

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(netlake\.[\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)|import[ \t]+(netlake\.[\w.]+))",
    re.MULTILINE,
)
_LOCK = threading.RLock()
_PACKAGE = Path(__file__).resolve().parent


class Kernel:
    """A function that is compiled on its first call."""

    def __init__(self, function: Callable[..., Any], signature: str | None, *, once: bool, allocates: bool) -> None:
        self.function, self.signature, self.once, self.allocates = function, signature, once, allocates
        self.compiled: Any = None
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__
        _text(function.__module__)  # as it is imported: the file may change before the kernel is compiled

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function, compiling it first if necessary."""
        return (self.compiled or self.compile())(*arguments)

    def compile(self) -> Any:
        """The dispatcher, loaded from the cache or compiled."""
        with _LOCK:
            if self.compiled is None:
                self.compiled = _jit(self)
            return self.compiled


def kernel(
    signature: str | None = None, *, once: bool = False, allocates: bool = False
) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel; without a signature it is a helper, for kernels to call.

    `once`: the helper has one caller and is inlined into it, so that its arrays are not passed in a call.
    `allocates`: numba's reference counting is on, so that the kernel can allocate.
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

    return numba


def _jit(made: Kernel) -> Any:
    numba = _numba()
    options = {"nogil": True, "boundscheck": True, "_nrt": made.allocates, "forceinline": made.once}
    dispatcher = numba.njit(**options)(made.function)
    if numba.config.DISABLE_JIT:
        return dispatcher
    _widen(dispatcher)
    if made.signature is None:
        return dispatcher
    module = made.function.__module__
    folder = _folder(module)
    if folder is not None:
        dispatcher._cache = _dispatcher_cache()(made.function, folder, digest_of(module))  # noqa: SLF001 - as enable_caching
    dispatcher.compile(evaluate(made.signature, made.function.__globals__))
    dispatcher.disable_compile()
    return dispatcher


def _widen(dispatcher: Any) -> None:
    """Compile a helper once for all constants and enumerations that callers pass as an integer, not once for each."""
    types = _numba().types
    resolve = dispatcher.get_call_template

    def wide(kind: Any) -> Any:
        if isinstance(kind, types.IntegerLiteral):
            return kind.literal_type
        return kind.dtype if isinstance(kind, types.IntEnumMember) else kind

    def get_call_template(arguments: Any, named: Mapping[str, Any]) -> Any:
        return resolve(tuple(map(wide, arguments)), {name: wide(kind) for name, kind in named.items()})

    dispatcher.get_call_template = get_call_template


@cache
def _dispatcher_cache() -> Any:
    """A class of numba caches: (function, folder, stamp), without a setting that other users of numba share.

    Loading skips the context's refresh, which registers numba's implementation of NumPy (0.3 s) and is only needed to
    compile; compiling does it itself. This is known of the versions in LIGHT_LOADING; with others, loading is slower.
    """
    import numba
    from numba.core import caching

    class Locator(caching._CacheLocator):  # noqa: SLF001 - its base class has no public name
        """The folder that `cache_directory` chose."""

        def __init__(self, folder: Path, stamp: str, line: int) -> None:
            self.folder, self.stamp, self.line = folder, stamp, line

        def get_cache_path(self) -> str:
            return str(self.folder)

        def get_source_stamp(self) -> str:
            return self.stamp

        def get_disambiguator(self) -> str:
            return str(self.line)

    class DispatcherCache(caching.FunctionCache):
        """The cache of one kernel."""

        _impl_class: Any = caching.CompileResultCacheImpl

        def __init__(self, function: types.FunctionType, folder: Path, stamp: str) -> None:
            locator = Locator(folder, stamp, function.__code__.co_firstlineno)
            found = types.SimpleNamespace(from_function=lambda _function, _file: locator)
            self._impl_class = type("_Impl", (self._impl_class,), {"_locator_classes": [found]})
            super().__init__(function)

        def save_overload(self, signature: Any, data: Any) -> None:
            # a process that may not write compiles what it lacks for itself
            with contextlib.suppress(*((OSError,) if _CHOSEN else ())):
                super().save_overload(signature, data)

        def load_overload(self, signature: Any, target_context: Any) -> Any:
            if numba.version_info.short not in LIGHT_LOADING:
                return super().load_overload(signature, target_context)
            with self._guard_against_spurious_io_errors():
                return self._load_overload(signature, target_context)

    return DispatcherCache


class _Names(dict[str, Any]):
    """The names of a signature: dtypes and NamedTuples of its module first, then numba's types."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.module = module

    def __missing__(self, name: str) -> Any:
        numba = _numba()
        value = self.module.get(name)
        if isinstance(value, np.dtype) and value.fields:
            return numba.from_dtype(value)
        if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            return numba.types.BaseTuple.from_types(tuple(_field_types(value)), value)
        if hasattr(numba.types, name):
            return getattr(numba.types, name)
        raise NameError(f"{name} is no type of numba, structured dtype or NamedTuple of the kernel's module.")


def _field_types(named: Any) -> Iterator[Any]:
    module = vars(sys.modules[named.__module__])
    hints = get_type_hints(named, include_extras=True)
    for field in named._fields:
        marks = [mark for mark in getattr(hints[field], "__metadata__", ()) if isinstance(mark, str)]
        if len(marks) != 1:
            raise TypeError(f'{named.__name__}.{field} needs one numba type: Annotated[Ints, "int64[::1]"].')
        yield evaluate(marks[0], module)


def evaluate(signature: str, module: Mapping[str, Any]) -> Any:
    """The numba type or signature that a text means where the global names are `module`."""
    return eval(signature, {"__builtins__": {}}, _Names(module))  # noqa: S307 - a constant of a kernel module


def digest_of(*modules: str) -> str:
    """A name for the texts of `modules`, of the kernel modules that they import, and of COMMON."""
    seen: set[str] = {__name__, *COMMON}
    left = list(modules)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += [module for module in _mentioned(name) if module in sys.modules]
            if hasattr(sys.modules[name], "__path__"):  # a package is used with the modules in it
                left += [module for module in sys.modules if module.startswith(f"{name}.")]
    digest = hashlib.blake2b(digest_size=10)
    for name in sorted(seen):
        digest.update(_text(name))
    return digest.hexdigest()


@cache
def _mentioned(module: str) -> list[str]:
    """What a loaded module imports from netlake.kernels."""
    return imported(_text(module).decode())


def imported(text: str) -> list[str]:
    """The names under netlake.kernels, modules or not, that the text of a module imports, from anywhere in it."""
    found = []
    for origin, names, module in _IMPORT.findall(re.sub(r"#.*", "", text)):
        listed = [name.split()[0] for name in names.strip("() \n").split(",") if name.strip()]
        found += [origin, *(f"{origin}.{name}" for name in listed)] if origin else [module]
    return [name for name in found if name.startswith("netlake.kernels.")]


@cache
def _text(module: str) -> bytes:
    """The text of a loaded module when it was first requested."""
    return Path(str(sys.modules[module].__file__)).read_bytes()


@cache
def _folder(module: str) -> Path | None:
    base = cache_directory()
    if base is None:
        return None
    folder = base / f"{module.rpartition('.')[2]}-{digest_of(module)}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        if not _CHOSEN:
            raise
        return None  # it is compiled for this process alone
    return folder


_CHOSEN: list[Path] = []


def use(folder: Path) -> None:
    """Load compiled kernels from this folder, which need not be writable; for a process that may not write."""
    _CHOSEN[:] = [folder]


@cache
def cache_directory() -> Path | None:
    """The folder of compiled kernels; None if no folder is writable.

    The first that is writable of: NUMBA_CACHE_DIR alone if it is set; otherwise the package's __pycache__, the user's
    cache folder, a temporary folder of this process.
    """
    if _CHOSEN:
        return _CHOSEN[0]
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    candidates = [Path(chosen)] if chosen else [_PACKAGE / "__pycache__", Path(home) / "netlake" / "kernels"]
    for candidate in candidates:
        if _writable(candidate):
            return candidate
    try:
        return Path(tempfile.mkdtemp(prefix="netlake-kernels-"))
    except OSError:
        sentence = "no folder for compiled kernels is writable, so every run compiles them again (about a minute)"
        print(f"netlake: {sentence}; set NUMBA_CACHE_DIR to a writable one.", file=sys.stderr)  # noqa: T201 - once a run
        return None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
