"""Run by a Python that has DuckDB with the real DuckLake extension: statements in, rows out, as JSON.

Standard input is {"catalog": path, "options": text after AS lake, "statements": [...]}; standard output a list of rows
for each statement, values that JSON lacks as text.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import duckdb


def plain(value: object) -> object:
    """`value` as JSON can say it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return value.isoformat() if isinstance(value, dt.date) else value


def main() -> None:
    """Attach the lake and answer."""
    task = json.load(sys.stdin)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    connection = duckdb.connect()
    for name in ("sqlite_scanner", "ducklake"):
        (extension,) = Path(packages).glob(f"duckdb_extension_{name}/extensions/*/*.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    connection.execute(f"ATTACH 'ducklake:sqlite:{task['catalog']}' AS lake {task.get('options', '')}")
    answers = [connection.execute(statement).fetchall() for statement in task["statements"]]
    json.dump(plain(answers), sys.stdout)


if __name__ == "__main__":
    main()
