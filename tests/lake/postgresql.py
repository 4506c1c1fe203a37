"""A real PostgreSQL server in a temporary folder, started by an unprivileged user; tests skip without PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str | None:
    """The path of a program of PostgreSQL; Debian has them outside the search path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else shutil.which(name)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a database on a new server, by TCP."""
    initdb, control = program("initdb"), program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    with tempfile.TemporaryDirectory(prefix="netlake-pg-") as name:
        folder = Path(name)
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)

        def run(*command: str) -> None:
            demoted = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
            with (folder.parent / f"{folder.name}.log").open("ab") as log:
                options = {"cwd": "/", "timeout": 120, "env": {"LC_ALL": "C.UTF-8"}, **demoted}
                subprocess.run(command, check=True, stdout=log, stderr=log, **options)

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=40"
        try:
            run(initdb, "-D", str(folder / "db"), "-A", "trust", "-U", "netlake", "--no-sync")
            run(control, "-D", str(folder / "db"), "-w", "-o", options, "start")
            try:
                yield f"postgresql://netlake@127.0.0.1:{port}/postgres"
            finally:
                run(control, "-D", str(folder / "db"), "-m", "immediate", "stop")
        finally:
            (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)
