"""One hour of an invented office network with attacks, as a capture with its true labels, for the notebooks.

Theory of operation
- Everything is drawn from one seeded generator, so a seed is one capture, byte by byte. Every packet is made with dpkt.
- Work: clients open web sessions and ask for names, an administrator uses SSH, a monitor polls the servers at fixed
  intervals, and some clients try a service that is closed. The last three resemble beacons, brute force and scans.
- Attacks: INSTANCES each of three classes, one after another, each with an attacker, a victim and parameters of its own
  (rate, sizes, number of connections). Their packets are known, so labels are exact.
- All hosts share TTL, window and MAC addresses: nothing but the traffic itself distinguishes an attacker.

Nothing here is measured. The shares of classes, sizes and times are plausible and chosen by us.
"""

from __future__ import annotations

import datetime as dt
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dpkt

BEGIN = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
SECONDS = 3600
INSTANCES = 6
SEGMENT = 1400
WEB, SSH, NAMES, CLOSED = "10.1.9.80", "10.1.9.22", "10.1.9.53", "10.1.9.90"
CLIENTS = tuple(f"10.1.0.{number}" for number in range(10, 34))
MONITOR, ADMINISTRATOR = "10.1.8.5", "10.1.8.6"


@dataclass(frozen=True, slots=True)
class Attack:
    """One instance of an attack: what a schedule says of it. Times are seconds after BEGIN."""

    label: str
    attacker: str
    victim: str
    ports: str
    begin: float
    end: float


@dataclass(slots=True)
class Office:
    """The traffic in the making: `packets` are (seconds after BEGIN, frame, label or an empty text)."""

    dice: random.Random
    packets: list[tuple[float, bytes, str]] = field(default_factory=list)
    attacks: list[Attack] = field(default_factory=list)
    label: str = ""
    _port: int = 32_768

    def port(self) -> int:
        """The next ephemeral port."""
        self._port = self._port + 1 if self._port < 60_999 else 32_768
        return self._port

    def send(self, when: float, source: str, target: str, inner: dpkt.Packet) -> None:
        """Add one packet."""
        number = dpkt.ip.IP_PROTO_TCP if isinstance(inner, dpkt.tcp.TCP) else dpkt.ip.IP_PROTO_UDP
        packet = dpkt.ip.IP(
            src=bytes(map(int, source.split("."))), dst=bytes(map(int, target.split("."))), p=number, ttl=64, data=inner
        )
        frame = dpkt.ethernet.Ethernet(src=b"\x02\0\0\0\0\x01", dst=b"\x02\0\0\0\0\x02", data=packet)
        self.packets.append((when, bytes(frame), self.label))


@dataclass(slots=True)
class Session:
    """A TCP connection between `client` and `server`; `now` moves with each packet by half of `delay` (seconds)."""

    office: Office
    now: float
    client: str
    server: str
    port: int
    delay: float
    own: int = 0
    sent: list[int] = field(default_factory=lambda: [1000, 5000])

    def __post_init__(self) -> None:
        self.own = self.office.port()

    def _packet(self, side: int, flags: int, size: int = 0) -> None:
        ports, hosts = (self.own, self.port), (self.client, self.server)
        segment = dpkt.tcp.TCP(
            sport=ports[side], dport=ports[1 - side], seq=self.sent[side], flags=flags, win=64_000, data=bytes(size)
        )
        segment.ack = self.sent[1 - side] if flags & dpkt.tcp.TH_ACK else 0
        self.office.send(self.now, hosts[side], hosts[1 - side], segment)
        self.sent[side] += size + bool(flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN))
        self.now += self.delay / 2 * self.office.dice.uniform(0.8, 1.3)

    def refused(self) -> None:
        """A connection to a closed port."""
        self._packet(0, dpkt.tcp.TH_SYN)
        self._packet(1, dpkt.tcp.TH_RST | dpkt.tcp.TH_ACK)

    def aborted(self) -> None:
        """A half-open probe of an open port."""
        self._packet(0, dpkt.tcp.TH_SYN)
        self._packet(1, dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
        self._packet(0, dpkt.tcp.TH_RST)

    def talk(self, exchanges: list[tuple[int, int, float]]) -> None:
        """A complete connection: (bytes of the request, bytes of the response, pause before it in seconds) each."""
        self._packet(0, dpkt.tcp.TH_SYN)
        self._packet(1, dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
        self._packet(0, dpkt.tcp.TH_ACK)
        for request, response, pause in exchanges:
            self.now += pause
            for side, size in ((0, request), (1, response)):
                for start in range(0, size, SEGMENT):
                    self._packet(side, dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH, min(SEGMENT, size - start))
                self._packet(1 - side, dpkt.tcp.TH_ACK)
        for side in (0, 1):
            self._packet(side, dpkt.tcp.TH_FIN | dpkt.tcp.TH_ACK)
        self._packet(0, dpkt.tcp.TH_ACK)


def _web(office: Office, now: float, client: str, server: str = WEB) -> None:
    dice = office.dice
    pages = [
        (dice.randint(300, 1200), int(dice.lognormvariate(8.2, 1)), dice.expovariate(1))
        for _ in range(dice.randint(1, 5))
    ]
    Session(office, now, client, server, 443, dice.uniform(0.001, 0.03)).talk(pages)


def _name(office: Office, now: float, client: str) -> None:
    own = office.port()
    for source, target, ports, size in ((client, NAMES, (own, 53), 36), (NAMES, client, (53, own), 92)):
        question = struct.pack(">6H", own, 0x0100 if source == client else 0x8180, 0, 0, 0, 0) + bytes(size - 12)
        office.send(now, source, target, dpkt.udp.UDP(sport=ports[0], dport=ports[1], data=question, ulen=8 + size))
        now += office.dice.uniform(0.0005, 0.004)


def _work(office: Office) -> None:
    """The traffic that is no attack."""
    dice = office.dice
    for _ in range(600):
        now, client = dice.uniform(0, SECONDS - 30), dice.choice(CLIENTS)
        _name(office, now, client)
        _web(office, now + 0.01, client)
    for minute in range(0, SECONDS - 60, 30):
        for server in (WEB, SSH, NAMES):
            size = dice.randint(90, 130)
            Session(office, minute + dice.uniform(0, 0.5), MONITOR, server, 9100, 0.002).talk([(size, 600, 0.001)])
    for _ in range(60):
        exchanges = [
            (dice.randint(40, 200), dice.randint(60, 900), dice.uniform(0.1, 2)) for _ in range(dice.randint(4, 20))
        ]
        Session(office, dice.uniform(0, SECONDS - 60), ADMINISTRATOR, SSH, 22, 0.004).talk(exchanges)
    for _ in range(150):
        Session(office, dice.uniform(0, SECONDS - 5), dice.choice(CLIENTS), CLOSED, 8080, 0.004).refused()


def _scan(office: Office, begin: float, attacker: str) -> float:
    """Probe ports of one victim; returns the time of the last packet."""
    dice, now = office.dice, begin
    gap, delay = dice.choice([0.02, 0.2, 1.0]), dice.uniform(0.001, 0.03)
    for port in dice.sample(range(1, 9000), dice.randint(60, 140)):
        session = Session(office, now, attacker, CLOSED, port, delay)
        session.aborted() if port % 17 == 0 else session.refused()
        last, now = session.now, now + gap * dice.uniform(0.5, 1.5)
    return last


def _guess(office: Office, begin: float, attacker: str) -> float:
    """Try passwords over SSH."""
    dice, now = office.dice, begin
    tries, request, gap = dice.randint(1, 6), dice.randint(60, 220), dice.choice([0.05, 0.5, 2.0])
    delay = dice.uniform(0.001, 0.03)
    for _ in range(dice.randint(40, 90)):
        session = Session(office, now, attacker, SSH, 22, delay)
        session.talk([(request + dice.randint(0, 16), dice.randint(60, 100), gap / 4) for _ in range(tries)])
        last, now = session.now, session.now + gap
    return last


def _beacon(office: Office, begin: float, attacker: str) -> float:
    """Ask a control server for orders."""
    dice, now = office.dice, begin
    period, jitter = dice.choice([4.0, 7.0, 12.0]), dice.choice([0.0, 0.1, 0.4])
    request, response, delay = dice.randint(80, 900), dice.randint(60, 2500), dice.uniform(0.001, 0.03)
    for _ in range(dice.randint(30, 60)):
        session = Session(office, now, attacker, f"203.0.113.{1 + len(office.attacks)}", 443, delay)
        session.talk([(request, response, 0.01)])
        last, now = session.now, now + period * (1 + dice.uniform(-jitter, jitter))
    return last


_CLASSES = (("port scan", _scan), ("password guessing", _guess), ("beacon", _beacon))


def office(seed: int = 1) -> Office:
    """The traffic of one hour, in the order of time."""
    made = Office(random.Random(seed))
    _work(made)
    number = INSTANCES * len(_CLASSES)
    for index in range(number):
        label, attack = _CLASSES[index % len(_CLASSES)]
        begin = 60 + index * (SECONDS - 900) / number + made.dice.uniform(0, 20)
        # beacons come from clients, which also work; the others from hosts of their own
        attacker = CLIENTS[index] if label == "beacon" else f"10.1.7.{10 + index}"
        victim = {"port scan": CLOSED, "password guessing": SSH}.get(label, f"203.0.113.{1 + len(made.attacks)}")
        made.label = label
        end = attack(made, begin, attacker)
        ports = {"port scan": "1-8999", "password guessing": "22"}.get(label, "443")
        made.attacks.append(Attack(label, attacker, victim, ports, begin, end))
    made.packets.sort(key=lambda packet: packet[0])
    return made


def write_capture(made: Office, path: Path) -> None:
    """Write the packets as a classic pcap file with microseconds."""
    start = int(BEGIN.timestamp())
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for when, frame, _ in made.packets:
            second, micro = divmod(round(when * 1_000_000), 1_000_000)
            file.write(struct.pack("<IIII", start + second, micro, len(frame), len(frame)) + frame)


def clock(seconds: float, *, up: bool = False) -> str:
    """A time of the capture as text, to the second; `up` rounds up."""
    moment = BEGIN + dt.timedelta(seconds=int(seconds) + up)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def schedule(attacks: list[Attack]) -> Iterator[str]:
    """Lines of a netlake schedule: a rule for each attack, and one that declares the rest of the network benign."""
    yield "zone: UTC"
    yield "rules:"
    for one in attacks:
        yield f"  - label: {one.label}"
        yield f"    begin: {clock(one.begin)}"
        yield f"    end: {clock(one.end, up=True)}"
        yield f"    attackers: {one.attacker}"
        yield f"    victims: {one.victim}"
        yield f"    victim_ports: {one.ports}"
        yield "    protocol: tcp"
    yield "  - label: work"
    yield "    state: benign"
    yield f"    begin: {clock(0)}"
    yield f"    end: {clock(SECONDS)}"
    yield "    hosts: 10.1.0.0/16"


@dataclass(frozen=True, slots=True)
class Faults:
    """A schedule with planted faults: its lines, and (fault, label, attacker) of each."""

    schedule: list[str]
    planted: list[tuple[str, str, str]]


def faulty(attacks: list[Attack]) -> Faults:
    """The schedule of whole minutes, without the last scan, with an early end, and with a window without ports."""
    early = max((one for one in attacks if one.label == "password guessing"), key=lambda one: one.end - one.begin)
    missing = [one for one in attacks if one.label == "port scan"][-1]
    wide = max((one for one in attacks if one.label == "beacon"), key=lambda one: one.end - one.begin)
    lines = ["zone: UTC", "rules:"]
    for one in attacks:
        if one is missing:
            continue
        end = (one.begin + one.end) / 2 if one is early else one.end
        lines += [
            f"  - label: {one.label}",
            f"    begin: {clock(one.begin)[:16]}",
            f"    end: {clock(end)[:16]}",
            f"    attackers: {one.attacker}",
        ]
        if one is not wide:
            lines += [f"    victims: {one.victim}", f"    victim_ports: {one.ports}", "    protocol: tcp"]
    planted = [
        ("ends at half of its time", early.label, early.attacker),
        ("is missing", missing.label, missing.attacker),
        ("has neither victim nor port", wide.label, wide.attacker),
    ]
    return Faults(lines, planted)
