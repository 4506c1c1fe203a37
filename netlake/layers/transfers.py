"""Transfers: payloads between a client and a new port of its server, which a request to the server's port announces.

A server of TFTP answers a request from a port that it chooses for this transfer (RFC 1350 section 4), so neither port
of the transfer has a dispatch key. Rules
- A table with the hooks `opens` and `continues` has transfers. `opens` finds requests among the messages on its port.
- A payload without a table is a message of a transfer if one of its ends is the address and port of a request's client,
  the other has the address of that request's server, in the same tunnel; if its packet is behind the request's, and
  `continues` finds that its content may be of a transfer.
- The last MOST_CLIENTS clients are kept. A client is not removed at the end of a transfer: the last block may be sent
  again, and a client may use its port for the next request.

A capture without requests pays for one look-up in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from netlake.layers.walk import Walked
from netlake.packets import Bytes, Mask, Messages

Hook = Callable[[Messages], Mask]
# table, tunnel, address and port of the client, address of the server
Client = tuple[str, int, bytes, int, bytes]
# 1 MB
MOST_CLIENTS = 1 << 12
# the row of a request of an earlier batch
EARLIER = -1


class Transfers:
    """The clients of the requests in one capture.

    `opens` and `continues` are hooks by table, `groups` the groups of the tables' messages; `mask(hook, table,
    messages)` calls a hook.
    """

    def __init__(
        self,
        opens: Mapping[str, Hook],
        continues: Mapping[str, Hook],
        groups: Mapping[str, int],
        mask: Callable[[Hook, str, Messages], Mask],
    ) -> None:
        self.opens, self.continues, self.groups, self.mask = opens, continues, groups, mask
        # the row of the first request of each client in this batch
        self.clients: dict[Client, int] = {}
        self.fresh: list[Client] = []
        self.ports: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def note(self, walked: Walked) -> None:
        """Keep the clients of the requests in a batch."""
        for client in self.fresh:
            if client in self.clients:
                self.clients[client] = EARLIER
        self.fresh = []
        for name, opens in self.opens.items():
            messages = walked.by_group.get(self.groups[name])
            if messages is not None and len(messages):
                self._keep(name, walked, messages.take(np.flatnonzero(self.mask(opens, name, messages))))
        if self.fresh:
            self.ports = np.unique([client[3] for client in self.clients])

    def _keep(self, name: str, walked: Walked, requests: Messages) -> None:
        """Keep the clients of `requests`."""
        columns = (requests.header, requests.source_port, walked.completing[requests.row])
        for header, port, row in zip(*(column.tolist() for column in columns), strict=True):
            if header < 0:
                continue
            source, destination = addresses(requests.data, walked.headers[header])
            client = (name, int(walked.headers["key"][header]), source, port, destination)
            if client not in self.clients:
                self.clients[client] = row
                self.fresh.append(client)
                if len(self.clients) > MOST_CLIENTS:
                    del self.clients[next(iter(self.clients))]

    def taken(self, name: str, walked: Walked, messages: Messages) -> Mask:
        """The messages without a table that belong to a transfer of table `name`."""
        result = np.zeros(len(messages), np.bool_)
        if not self.clients:
            return result
        known = np.isin(messages.source_port, self.ports) | np.isin(messages.destination_port, self.ports)
        index = np.flatnonzero(known & (messages.header >= 0))
        if len(index):
            index = index[self.mask(self.continues[name], name, messages.take(index))]
        for number in index.tolist():
            header = walked.headers[messages.header[number]]
            source, destination = addresses(messages.data, header)
            ports = int(messages.source_port[number]), int(messages.destination_port[number])
            tunnel = int(header["key"])
            row = walked.completing[messages.row[number]]
            to_client = self.clients.get((name, tunnel, destination, ports[1], source), row)
            from_client = self.clients.get((name, tunnel, source, ports[0], destination), row)
            result[number] = min(to_client, from_client) < row
        return result


def addresses(data: Bytes, header: np.void) -> tuple[bytes, bytes]:
    """Source and destination address of an IP header, a row of Headers."""
    size, at = (4, int(header["network"]) + 12) if header["version"] == 4 else (16, int(header["network"]) + 8)
    return data[at : at + size].tobytes(), data[at + size : at + 2 * size].tobytes()
