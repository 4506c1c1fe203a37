"""Questions to a lake: the only home of DuckDB.

`lake` is `netlake.Lake`, for Python: as powerful as its caller. `guard` runs user SQL from commands and services in a
process that can change nothing. `connection` shows the tables that a statement names as views over the files that it
can need, which `planning` and `pruning` find. `output` writes rows as table, csv, tsv, json, jsonl, parquet, arrow,
proto, text.
"""
