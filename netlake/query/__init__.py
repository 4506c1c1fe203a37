"""SQL queries over a lake; the only package that uses DuckDB.

- `lake`: the class `netlake.Lake`, for Python; statements run with the rights of the calling process.
- `guard`, `child`, `landlock`: run SQL of commands and services in a read-only process.
- `connection`: makes a view for each table that a statement names, over the files that the statement needs.
- `planning`, `pruning`: find those files from DuckDB's plan and the statistics in the catalog.
- `output`: writes rows as table, csv, tsv, json, jsonl, parquet, arrow, proto or text.
"""
