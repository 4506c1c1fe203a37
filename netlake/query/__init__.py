"""Questions to a lake: the only home of DuckDB.

    lake        `netlake.Lake`, for Python: as powerful as its caller
    guard       user SQL from commands and services, in a process that can change nothing
    connection  views over the files that a statement needs; planning and pruning find which these are
    output      rows as table, csv, tsv, json, jsonl, parquet, arrow, proto, text
"""
