"""Writes golden.toml: counts of tshark for each capture here, so that tests can compare netlake without tshark.

Usage: python golden.py (after recording). A count is the number of packets that match a display filter, with IPv4 and
IPv6 fragments reassembled and TCP streams not.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILTERS = (
    "arp", "dhcp", "dhcpv6", "dns", "dot1q", "gre", "http", "icmp", "icmpv6", "igmp", "imap", "ip", "ip.flags.mf == 1",
    "ipv6", "ipv6.fraghdr", "ipv6.hopopts", "llc", "mdns", "ntp", "pop", "sctp", "smtp", "ssh", "stp", "tcp",
    "tcp.flags.reset == 1", "tcp.flags.syn == 1 && tcp.flags.ack == 0", "tftp", "tls", "udp", "vxlan", "geneve",
)  # fmt: skip
OPTIONS = ("-n", "-o", "tcp.desegment_tcp_streams:FALSE", "-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE")


def count(capture: Path, wanted: str) -> int:
    """The number of packets of `capture` that match the display filter `wanted`."""
    spelled = {"dot1q": "vlan or ieee8021ad"}.get(wanted, wanted)
    command = ["tshark", "-r", str(capture), *OPTIONS, "-Y", spelled, "-T", "fields", "-e", "frame.number"]
    return len(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


def main() -> None:
    """Write golden.toml."""
    lines = ["# Written by golden.py from what tshark 4.0.17 counts: packets that each display filter finds.", ""]
    for capture in sorted(HERE.glob("*.pcap*")):
        lines += [f'["{capture.name}"]', f"packets = {count(capture, 'frame')}"]
        found = {wanted: count(capture, wanted) for wanted in FILTERS}
        lines += [f'"{wanted}" = {number}' for wanted, number in found.items() if number] + [""]
    (HERE / "golden.toml").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
