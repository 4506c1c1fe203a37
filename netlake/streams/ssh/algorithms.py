"""What KEXINIT offers (RFC 4253 section 7.1), its fingerprints, and what both offers give."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5
from typing import Any

from netlake.layers.items import text

COOKIE = 16
# the lists of a KEXINIT in their order
LISTS = (
    "kex_algorithms", "host_key_algorithms", "encryption_client_to_server", "encryption_server_to_client",
    "mac_client_to_server", "mac_server_to_client", "compression_client_to_server", "compression_server_to_client",
    "languages_client_to_server", "languages_server_to_client",
)  # fmt: skip
DIRECTIONS = ("client_to_server", "server_to_client")
# ciphers that authenticate, so that no MAC is chosen (RFC 5647, OpenSSH's PROTOCOL and PROTOCOL.chacha20poly1305)
WITH_MAC = frozenset(
    {
        "AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    }
)  # fmt: skip
Fields = dict[str, Any]


@dataclass(slots=True)
class Offer:
    """A KEXINIT: its lists as sent, those before the first one that is not complete."""

    cookie: bytes
    lists: dict[str, bytes]
    follows: bool | None = None

    @classmethod
    def read(cls, payload: bytes) -> tuple[Offer, str | None]:
        """The KEXINIT in a payload without its message number, and its fault."""
        offer, at = cls(payload[:COOKIE], {}), COOKIE
        for name in LISTS:
            begin = at + 4
            at = begin + int.from_bytes(payload[at:begin])
            if begin > len(payload):
                return offer, "short_header"
            if at > len(payload):
                return offer, "bad_length"
            offer.lists[name] = payload[begin:at]
        offer.follows = bool(payload[at]) if at < len(payload) else None
        return offer, None if offer.follows is not None else "short_header"

    def names(self, name: str) -> list[str]:
        """The names in one of the lists."""
        value = self.lists.get(name)
        return text(value).split(",") if value else []

    def fields(self) -> Fields:
        """Its columns."""
        cookie = self.cookie if len(self.cookie) == COOKIE else None
        return {
            "cookie": cookie,
            "first_kex_packet_follows": self.follows,
            **{name: self.names(name) for name in LISTS},
        }


def fingerprint(offer: Offer, *, server: bool) -> Fields:
    """HASSH of a client, or HASSHServer.

    As published by its authors: the lists of methods, ciphers, MACs and compression for the bytes that the side sends.
    """
    direction = DIRECTIONS[server]
    names = ("kex_algorithms", *(f"{what}_{direction}" for what in ("encryption", "mac", "compression")))
    if any(name not in offer.lists for name in names):
        return {}
    whole = b";".join(offer.lists[name] for name in names)
    column = "hassh_server" if server else "hassh"
    digest = md5(whole, usedforsecurity=False).hexdigest()
    return {f"{column}_algorithms": text(whole), column: digest}


def chosen(client: Offer, server: Offer) -> Fields:
    """What both offers give: of each list the first name of the client that the server has too."""
    found: Fields = {
        "kex_algorithm": _common(client, server, "kex_algorithms"),
        "host_key_algorithm": _common(client, server, "host_key_algorithms"),
    }
    for direction in DIRECTIONS:
        cipher = found[f"cipher_{direction}"] = _common(client, server, f"encryption_{direction}")
        has_mac = cipher in WITH_MAC
        found[f"mac_algorithm_{direction}"] = None if has_mac else _common(client, server, f"mac_{direction}")
        found[f"compression_algorithm_{direction}"] = _common(client, server, f"compression_{direction}")
    return found


def _common(client: Offer, server: Offer, name: str) -> str | None:
    """The first name in the client's list that is in the server's list."""
    others = frozenset(server.names(name))
    return next((one for one in client.names(name) if one in others), None)
