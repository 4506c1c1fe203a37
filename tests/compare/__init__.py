"""Comparison with tshark: every field of every table that declares a Wireshark name, on as many captures as there are.

`python -m tests.compare PATH... [--report FILE] [--sample N]`

How it works, one file each:
- `tshark`        runs tshark once on a capture and reads its PDML: for each frame the layers in wire order, each with
                  the fields that are asked for. Headers that an ICMP error quotes are marked and not compared.
- `layers`        says which layers of tshark a table's rows are (`layers.toml`), and which columns are compared.
- `values`        turns tshark's text into a value of a column's kind, so that numbers are compared with numbers.
- `rows`          netlake's rows by frame: a row belongs to the frame coalesce(last_packet, packet), in order of place.
- `exceptions`    differences that are understood, as data (`exceptions.toml`): where they hold, why, how many at most.
- `differences`   puts the two side by side and counts.
- `conversations` holds `connection` to tshark's conversation statistics.
- `capture`       all of it for one capture; `run` for many, in two processes with a time limit; `report` tells of it.

A value is one place in a field: a column of numbers is one value a row, a list is as many as it has elements. What
stands on one side only is a difference too. PDML was chosen by measurement: on the bundled capture tshark takes
1.9 s for it, 2.5 s for JSON and for ek, and it alone says which header lies inside which.
"""
