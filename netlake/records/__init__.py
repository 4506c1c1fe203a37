"""From messages to row groups: the context of each row, rows that wait, and row groups while they fill.

Rules of this package:
- It knows tables, readers and arrays, but no files: a full row group goes to a `Writer`.
- Context is per row. A row's context is gathered once, from the batch in which its message begins (`BatchContext`), and
  from then on belongs to the message: messages that wait, and streams' messages that began in an earlier batch, carry
  theirs (`Messages.context`).
- Rows of a table are written in the order in which they were put.
"""
