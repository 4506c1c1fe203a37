"""Tables whose rows a program computes from a lake and its inputs; captures do not write them.

A module of this package declares its tables in `TABLES`, as modules of `protocols` do; netlake.tables.derived finds
them. Their rows belong to owners, which replace all of theirs at once: see netlake.lake.derived. Everything that is
derived from a declaration (contract, page, Arrow schema, SQL view, protobuf message) exists for these tables too.
"""
