"""NetFlow (versions 1, 5, 7, 8 and 9) and IPFIX: what routers and probes measured of the flows that they saw.

- `netflow` has a row for each message, `netflow_record` one for each record in it, `netflow_template` one for each
  template. All three read the same messages; the latter two are inside the first.
- Records of version 9 and IPFIX are lists of values without names. The template that names them is sent once, in the
  same or in an earlier message: `netflow_record` remembers the templates of each sender (`templates.py`).
"""
