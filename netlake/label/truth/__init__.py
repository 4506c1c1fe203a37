"""Ground truth of attacks: any of its formats becomes rows of the table `truth`.

Theory of operation
- A reader (`readers`, one module for each format) turns a file into rules (`rules.Rule`) of four kinds: a window with
  endpoints, a tuple with a time, an event at an instant, or one packet of a capture.
- `values` and `times` give networks, ports, protocols and times one canonical form. Local times need a named zone.
- `importing` chooses the reader, names the source and reports what could not be used; `store` writes, lists and removes
  sources. `packs` are built-in schedules of published data sets. `suricata` runs that program and imports its alerts.
"""

from netlake.label.truth.importing import Options, Report, import_truth
from netlake.label.truth.store import Source, remove, sources

__all__ = ["Options", "Report", "Source", "import_truth", "remove", "sources"]
