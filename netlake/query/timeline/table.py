"""A timeline as a table: on a terminal the message gets the room that the other columns leave."""

from __future__ import annotations

from rich.cells import cell_len

from netlake.query.output.table import SAMPLE, AlignedTable

# least width of messages, as long as they are longer
LEAST = 32
# width of an IPv4 address with a port; terminals that are narrower than NARROW cut longer ends
END, NARROW = 21, 160
# columns in the order in which they get room; those of EXTRA only if no message is cut
_ORDER = ("ts", "kind", "source", "destination", "flow", "packet", "capture")
_EXTRA = ("capture",)


class EventTable(AlignedTable):
    """Aligned columns; of those that do not fit, the last ones of _ORDER are omitted, never the message."""

    def _choose(self) -> None:
        places = {name: place for place, name in enumerate(self.schema.names)}
        longest = max((cell_len(row[places["message"]]) for row in self.waiting[:SAMPLE]), default=0)
        if self._room() < NARROW:
            for name in ("source", "destination"):
                self.widths[places[name]] = min(self.widths[places[name]], END)
        self.kept, left = [places["message"]], self._room()
        for name in _ORDER:
            width = self.widths[places[name]] + self.gap
            if left - width < (longest if name in _EXTRA else min(longest, LEAST)):
                break
            self.kept.append(places[name])
            left -= width
        self.widths[places["message"]] = max(len("message"), min(longest, left))
        self.kept.sort()
