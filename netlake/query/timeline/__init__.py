"""Timelines: the rows of all tables of a lake that are events, as one list in the order of time.

    Question (host, flow, times, kinds)      what the user asks for
      -> kinds     the tables that are asked for, by their names or groups
      -> hosts     addresses of a name, and the condition of a table's rows
      -> messages  the SQL of a sentence, from the template that a table declares (netlake.schema.message)
      -> events    one SELECT for each table that has rows, with the same columns, all joined and sorted
      -> slices    for long timelines: periods of time that are sorted one after another

Rules:
- Only tables are read that have a file whose times overlap the question; of these, the files that the conditions allow
  (netlake.query.planning).
- The order is the time, then capture, packet, connections before what is in them, flow and the place in the packet.
  Rows without a time are last.
- Text is as captured. Every output format makes control characters visible (netlake.query.output).
"""
