"""Comparison with tshark: every field of every table that declares a Wireshark name, on given captures.

`python -m tests.compare PATH... [--report FILE] [--sample N]`

Modules:
- `tshark`        runs tshark once on a capture and reads its PDML: for each frame the layers in wire order, each with
                  the requested fields. Headers quoted in an ICMP error are marked and not compared.
- `layers`        maps tables to layers of tshark (`layers.toml`), and selects the columns that are compared.
- `values`        converts tshark's text to a value of a column's kind.
- `rows`          returns netlake's rows by frame: a row belongs to the frame coalesce(last_packet, packet), ordered by
                  place.
- `exceptions`    explained differences, as data (`exceptions.toml`): conditions that prove the reason, greatest number.
- `differences`   compares the rows and layers of a frame; `tally` counts.
- `conversations` compares `connection` with tshark's conversation statistics.
- `cases`         builds captures from the cases of `tests/protocols`, for tables that are rare in other captures.
- `capture`       compares one capture; `run` many, in processes with a time limit.
- `report`        the rules that a comparison must meet, and the results on the console; `page` writes the page.

A value is one element of a field: a column of numbers has one value per row, a list as many as elements. A value that
only one of the two has is a difference too, and so is a row. PDML was chosen by measurement: on the bundled capture
tshark takes 1.9 s for it, 2.5 s for JSON and for ek, and only PDML contains the nesting of headers.
"""
