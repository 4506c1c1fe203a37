"""Linux's Landlock: the process gives up rights on files, and neither it nor its children can take them back.

It binds the calling thread and the threads and processes that it starts from then on, so it must be applied before the
first thread: importing NumPy or DuckDB starts some. An open file stays as open as it was.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# the system calls have these numbers on every architecture but alpha
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
# remove, make and, from version 2, move things; truncate from 3, device control from 5
_LAST_FILE_RIGHT = {1: 12, 2: 13, 3: 14, 4: 14}
_LATEST_FILE_RIGHT = 15
_READ = _READ_FILE | _READ_DIR
# rights that make sense on a file that is no folder
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_NETWORK, _SCOPES = 0b11, 0b11


def version() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    found: int = _library().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, found)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def restrict(readable: Iterable[Path], writable: Iterable[Path] = ()) -> bool:
    """From now on only `readable` can be read, only `writable` be changed, nothing executed, no network reached.

    False, and nothing done, where the kernel has no Landlock; OSError if it has and refuses. Paths that do not exist
    are passed over.
    """
    level = version()
    if not level:
        return False
    every = (1 << (_LAST_FILE_RIGHT.get(level, _LATEST_FILE_RIGHT) + 1)) - 1
    attributes = struct.pack("QQQ", every, _NETWORK if level >= 4 else 0, _SCOPES if level >= 6 else 0)
    size = 8 if level < 4 else 16 if level < 6 else 24
    ruleset = _checked(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, every & ~_EXECUTE)
        if _library().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if path.is_dir() else rights & _OF_FILES
        # packed: eight bytes of rights, four of file descriptor, no padding
        rule = struct.pack("=Qi", rights, place)
        _checked(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(place)


def _checked(number: int, *arguments: object) -> int:
    library = _library()
    result: int = library.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
