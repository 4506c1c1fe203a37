"""The vendor of a MAC address, by IEEE's registry of OUIs in the package netaddr (no network access)."""

from __future__ import annotations

import re

from netlake.query.functions.declared import function

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)


@function("VARCHAR", "mac_vendor('00:00:0c:01:02:03') LIKE 'Cisco%'", mac="VARCHAR")
def mac_vendor(mac: str) -> str | None:
    """The vendor of a MAC address by IEEE's registry; null for random, multicast and unknown ones and other text."""
    from netaddr import EUI, NotRegisteredError

    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 3:
        return None
    try:
        return str(EUI(mac).oui.registration().org)
    except (NotRegisteredError, UnicodeError):
        return None


FUNCTIONS = (mac_vendor,)
