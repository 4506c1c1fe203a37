"""Landlock (Linux): restricts the file access of this process, irrevocably and for its children too.

How it works: a ruleset names the access rights that it handles; a right that it handles is denied everywhere except
below the paths that a rule of the set grants it for. `restrict` handles every right that the kernel supports,
then grants reading or writing for the given paths, then applies the set to the calling thread.

- The restriction applies to the calling thread and to threads and processes that it starts later. It must therefore be
  applied before the first thread is started; importing NumPy or DuckDB starts some.
- Files that are already open stay accessible.
- Later versions of Landlock add rights: 2 moves between folders, 3 truncation, 4 TCP, 5 device control, 6 signals and
  abstract sockets. A kernel rejects rights that it does not know, so the set depends on its version.

Source: the kernel's documentation, userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# numbers of the system calls, equal on every architecture except alpha
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
# last bit of the file rights by version: creating and removing, 2 moves, 3 truncates, 5 controls devices
_LAST_FILE_RIGHT = {1: 12, 2: 13, 3: 14, 4: 14}
_LATEST_FILE_RIGHT = 15
_READ = _READ_FILE | _READ_DIR
# rights that apply to files; a rule for a file with others is rejected
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_NETWORK, _SCOPES = 0b11, 0b11
_CONNECT = 0b10


def version() -> int:
    """The Landlock version of the kernel, 0 without Landlock."""
    if sys.platform != "linux":
        return 0
    found: int = _library().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, found)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def restrict(readable: Iterable[Path], writable: Iterable[Path] = (), ports: Iterable[int] = ()) -> bool:
    """Allow reading below `readable` and writing below `writable`; deny all other file access, execution and TCP.

    TCP is denied from version 4, but connections to `ports` are allowed. Returns False, without a change, on a kernel
    without Landlock; raises OSError if the kernel rejects the ruleset. Skips paths that do not exist.
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
        for port in ports if level >= 4 else ():
            # struct landlock_net_port_attr: 8 bytes of rights, 8 of the port
            _checked(_ADD_RULE, ruleset, _NET_PORT, ctypes.c_char_p(struct.pack("QQ", _CONNECT, port)), 0)
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
        # struct landlock_path_beneath_attr, packed: 8 bytes of rights, 4 of file descriptor
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
