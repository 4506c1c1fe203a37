"""Runs tshark on a capture and reads its PDML: for each frame its layers in wire order, with the requested fields.

Settings are chosen to match netlake: no name resolution, IP fragments and TCP segments are reassembled, protocols
are selected by port without heuristics, and nothing depends on later packets.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

PREFERENCES = {
    "ip.defragment": "TRUE",
    "ipv6.defragment": "TRUE",
    "tcp.desegment_tcp_streams": "TRUE",
    "tcp.reassemble_out_of_order": "TRUE",
    "tcp.relative_sequence_numbers": "FALSE",
    "tcp.analyze_sequence_numbers": "TRUE",  # required for window scaling
    "tcp.check_checksum": "FALSE",
    "udp.check_checksum": "FALSE",
    "ip.check_checksum": "FALSE",
    "sctp.reassembly": "FALSE",
    "ip.use_geoip": "FALSE",
    "frame.generate_epoch_time": "TRUE",
    "eth.fcs": "Never",  # no guess that the last four bytes of a frame are a check sequence
    "ipmi.dissect_bus_commands": "TRUE",
    "pgm.check_checksum": "FALSE",  # it does not show a checksum that it has verified
    "wpan.802154_fcs_ok": "FALSE",  # a wrong check sequence does not end the dissection
}
# ports that tshark does not have: of MQTT-SN and HP ERM, and those that exporters of NetFlow in captures use
DECODE_AS = (
    "udp.port==1883,mqttsn", "udp.port==10000,mqttsn", "udp.port==7932,hp_erm", "udp.port==2057,cflow",
    "udp.port==9995,cflow", "udp.port==40000,cflow",
)  # fmt: skip
# heuristics of protocols with a table: netlake uses the port only for the first, does not read the data that a TURN
# server relays, and uses the content for the others
GUESSES = ("rtp_stun", "dtls_stun")
ALLOWED = ("dns_udp", "rtp_udp", "dtls_udp", "bt_utp_udp")
STATISTICS = ("conv,tcp", "conv,udp", "conv,sctp")
# layers whose fields without a name are read, as lines with this name
LINES = {"ftp": "ftp.line"}
# layers that quote headers of another packet
QUOTING = frozenset({"icmp", "icmpv6"})
CHUNK = 1 << 18
END = b"</pdml>"
# control characters, which XML does not allow, become question marks
CLEAN = bytes(byte if byte >= 0x20 or byte in b"\t\r\n" else 0x3F for byte in range(256))


@dataclass(slots=True)
class Layer:
    """One header, or a field with fields in it, such as one message of several: number `at` of its frame.

    `fields` has for each requested field its values in order, as (text, hexadecimal).
    """

    name: str
    quoted: bool
    fields: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    at: int = 0


@dataclass(slots=True)
class Frame:
    """One packet: its requested layers in wire order, and the names of all its layers."""

    number: int = 0
    layers: list[Layer] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


class Reader:
    """Incremental parser of PDML, which returns complete frames."""

    def __init__(self, layers: frozenset[str], fields: frozenset[str]) -> None:
        self.layers, self.fields = layers, fields
        self.ready: list[Frame] = []
        self.frame = Frame()
        self.open: list[tuple[str, Layer | None]] = []
        # whether each open field, and each open layer, is a field that is a layer
        self.nested: list[bool] = []
        self.inside: list[bool] = []
        self.quoting = False
        # tshark copies bytes that are not UTF-8, so any byte must be accepted; `_text` decodes UTF-8
        self.parser = expat.ParserCreate("iso-8859-1")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def feed(self, data: bytes) -> list[Frame]:
        """Parse `data`; return the frames that it completes."""
        self.parser.Parse(data.translate(CLEAN), False)
        done, self.ready = self.ready, []
        return done

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        if element == "field":
            name = attributes.get("name", "")
            self.nested.append(name in self.layers and bool(self.open))
            if self.nested[-1]:
                self.proto(name, inside=True)
            self.field(attributes)
        elif element == "proto":
            self.proto(attributes.get("name", ""), inside=False)
        elif element == "packet":
            self.frame, self.open, self.inside, self.quoting = Frame(), [], [], False

    def field(self, attributes: dict[str, str]) -> None:
        """Add a field to the innermost requested layer around it; what is in a field that is a layer is in both."""
        name = attributes.get("name", "") or LINES.get(self.open[-1][0] if self.open else "", "")
        if name not in self.fields:
            return
        value = _text(attributes.get("show", "")), attributes.get("value", "")
        added: Layer | None = None
        for depth in range(len(self.open) - 1, -1, -1):
            layer = self.open[depth][1]
            if layer is not None and layer is not added:
                layer.fields.setdefault(name, []).append(value)
                added = layer
            if not self.inside[depth]:
                break

    def proto(self, name: str, *, inside: bool) -> None:
        """Start a layer, possibly inside another; layers after an ICMP header are those of the quoted packet."""
        self.frame.names.add(name)
        layer = self.open[-1][1] if self.open else None
        # a layer that is not requested has the fields of the one around it
        inside = inside or (name not in self.layers and bool(self.inside and self.inside[-1]))
        if name in self.layers:
            layer = Layer(name, self.quoting, at=len(self.frame.layers))
            self.frame.layers.append(layer)
        self.quoting = self.quoting or name in QUOTING
        self.open.append((name, layer))
        self.inside.append(inside)

    def end(self, element: str) -> None:
        """Handle the end of an element."""
        if element == "proto" or (element == "field" and self.nested.pop()):
            self.open.pop()
            self.inside.pop()
        elif element == "packet":
            self.frame.number = self._number()
            self.ready.append(self.frame)

    def _number(self) -> int:
        for layer in self.frame.layers:
            if layer.name == "frame":
                return int(layer.fields["frame.number"][0][0])
        return self.frame.number


class Tshark:
    """One run of tshark on one capture; statistics, complaint (stderr) and exit code are set after `frames` ended."""

    def __init__(
        self, capture: Path, layers: frozenset[str], fields: frozenset[str], options: tuple[str, ...] = ()
    ) -> None:
        self.reader = Reader(layers | {"frame"}, fields | {"frame.number"})
        self.statistics = ""
        self.complaint = ""
        self.code = 0
        settings = [word for name, value in PREFERENCES.items() for word in ("-o", f"{name}:{value}")]
        wanted = [word for name in STATISTICS for word in ("-z", name)]
        guesses = [word for name in GUESSES for word in ("--disable-heuristic", name)]
        guesses += [word for name in ALLOWED for word in ("--enable-heuristic", name)]
        assigned = [word for name in DECODE_AS for word in ("-d", name)]
        self.command = ["tshark", "-n", *settings, *guesses, *assigned, *options, *wanted]
        self.command += ["-T", "pdml", "-r", str(capture)]

    def frames(self) -> Iterator[Frame]:
        """Run tshark; yield all frames in order."""
        with subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            errors = _drained(process.stderr.read)
            try:
                yield from self._read(process.stdout.read)
            except BaseException:
                process.kill()
                raise
            self.code = process.wait()
            errors.join()
            self.complaint = _complaint(errors.data)

    def _read(self, read: Callable[[int], bytes]) -> Iterator[Frame]:
        left = b""
        ended = False
        while data := read(CHUNK):
            if ended:
                left += data
                continue
            left += data
            at = left.find(END)
            ended = at >= 0
            whole, left = (
                (left[: at + len(END)], left[at + len(END) :]) if ended else (left[: -len(END)], left[-len(END) :])
            )
            yield from self.reader.feed(whole)
        self.statistics = left.decode("utf-8", "replace") if ended else ""


class _drained(threading.Thread):  # noqa: N801 - used as a function
    """A thread that reads a pipe to its end, while the main thread reads another one."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        super().__init__(daemon=True)
        self.read, self.data = read, b""
        self.start()

    def run(self) -> None:
        """Read the pipe."""
        self.data = self.read()


def _text(show: str) -> str:
    """Decode text that was read as Latin-1 as UTF-8."""
    return show if show.isascii() else show.encode("iso-8859-1").decode("utf-8", "replace")


def _complaint(stderr: bytes) -> str:
    lines = [
        line
        for line in stderr.decode("utf-8", "replace").splitlines()
        if line.strip() and "Running as user" not in line
    ]
    return " ".join(lines)


def version() -> str:
    """The version of tshark, such as 4.0.17; FileNotFoundError without it."""
    output = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
    return output.split()[2].rstrip(".")


def known_fields() -> set[str]:
    """Names of all fields of the installed tshark."""
    output = subprocess.run(["tshark", "-G", "fields"], capture_output=True, check=True).stdout
    text = output.decode("utf-8", "replace")
    return {line.split("\t")[2] for line in text.splitlines() if line.startswith("F\t")}
