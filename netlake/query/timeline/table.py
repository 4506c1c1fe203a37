"""A timeline as a table: on a terminal the message gets the room that the other columns leave."""

from __future__ import annotations

from rich.cells import cell_len

from netlake.query.output.table import SAMPLE, AlignedTable

# least width of messages, as long as they are longer; columns in the order in which they get room
LEAST = 40
_ORDER = ("ts", "kind", "source", "destination", "flow", "packet", "capture")


class EventTable(AlignedTable):
    """Aligned columns; of those that do not fit, the last ones of _ORDER are omitted, never the message."""

    def _choose(self) -> None:
        places = {name: place for place, name in enumerate(self.schema.names)}
        message = places["message"]
        longest = max((cell_len(row[message]) for row in self.waiting[:SAMPLE]), default=0)
        kept, room = [message], self._room()
        for name in _ORDER:
            taken = sum(self.widths[place] + self.gap for place in [*kept[1:], places[name]])
            if room - taken < min(longest, LEAST):
                break
            kept.append(places[name])
        left = room - sum(self.widths[place] + self.gap for place in kept[1:])
        self.widths[message] = max(len("message"), min(longest, left))
        self.kept = sorted(kept)
