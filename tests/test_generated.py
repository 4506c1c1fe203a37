"""The generated files are committed and up to date: `netlake util generate` would change nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from netlake import tables
from netlake.schema import arrow, contract
from netlake.schema.freeze import digest, generate

ROOT = Path(__file__).resolve().parent.parent


def contents(root: Path) -> dict[str, str]:
    """Path -> text of every generated file."""
    files = [*(root / "schemas").iterdir(), *(root / "proto").iterdir()]
    return {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files}


def test_committed_files_equal_generated_files(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    for file in (ROOT / "schemas").glob("*.json"):
        shutil.copy(file, tmp_path / "schemas")
    generate(tmp_path, tables.declared())
    fresh, committed = contents(tmp_path), contents(ROOT)
    assert sorted(fresh) == sorted(committed)
    assert {name for name in fresh if fresh[name] != committed[name]} == set()


def test_contract_version_and_digest_match_contracts() -> None:
    files = [file for file in (ROOT / "schemas").glob("*.json") if file.name != contract.CONTRACT]
    contracts = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    whole = json.loads((ROOT / "schemas" / contract.CONTRACT).read_text(encoding="utf-8"))
    assert whole["digest"] == digest(contracts)
    assert whole["version"] == contract.version() >= 1


def test_arrow_schema_has_frozen_ids() -> None:
    for table in tables.declared():
        frozen = json.loads((ROOT / "schemas" / f"{table.name}.json").read_text(encoding="utf-8"))
        ids = {entry["name"]: entry["id"] for entry in frozen["columns"]}
        assert {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in arrow.schema(table)} == ids
