"""From messages to row groups: the context of each row, messages that wait, and row groups while they are filled.

Rules of this package:
- It uses tables, readers and arrays, and no files: a full row group is passed to a `RowGroupSink`.
- A row's context is gathered once, from the batch in which its message begins (`BatchContext`). Messages that wait, and
  messages of streams that began in an earlier batch, contain theirs (`Messages.context`).
- Rows of a table are written in the order in which they were added.
"""
