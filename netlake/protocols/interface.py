"""What a capture says of the interfaces that it was taken on, and of who took it. The pipeline fills it."""

from __future__ import annotations

from netlake.schema import Column, List, Table

SHOWN = "tshark shows no interface but a packet's"

TABLES = (
    Table(
        "interface",
        "One row for each interface of a capture; a classic pcap file has one.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="capture",
        key=("capture", "number"),
        columns=(
            Column("number", "i32", "Number of the interface, from 0 through the capture.", why=SHOWN),
            Column("section", "i32", "Section of the file that describes it, from 0.", why=SHOWN),
            Column("name", "text", "Name of the device, such as eth0.", why=SHOWN),
            Column("description", "text", "What the device is, in words.", why=SHOWN),
            Column("link_type", "i32", "LINKTYPE number of its packets' outermost header; 1 is Ethernet.", why=SHOWN),
            Column("snaplen", "i64", "Most bytes of a packet that were to be kept; 0 for no limit.", why=SHOWN),
            Column("filter", "text", "Capture filter in force.", why=SHOWN),
            Column("os", "text", "Operating system of the machine.", why=SHOWN),
            Column("hardware", "text", "The interface's hardware.", why=SHOWN),
            Column("mac", "mac", "Its own address.", why=SHOWN),
            Column("speed", "i64", "Bits a second.", why=SHOWN),
            Column("fcs_length", "u8", "Bytes of frame check sequence at the end of each packet.", why=SHOWN),
            Column("resolution", "word", "Unit of its times, seconds, as a power: 10^-6, 2^-10.", why=SHOWN),
            Column("offset_seconds", "i64", "Seconds that were added to its times.", why=SHOWN),
            Column("started", "ts", "When capturing began, by its last statistics.", why=SHOWN),
            Column("ended", "ts", "When capturing ended, by its last statistics.", why=SHOWN),
            Column("received", "i64", "Packets that the interface received, by its last statistics.", why=SHOWN),
            Column("dropped", "i64", "Packets that the interface dropped for want of room.", why=SHOWN),
            Column("filter_accepted", "i64", "Packets that the filter let through.", why=SHOWN),
            Column("os_dropped", "i64", "Packets that the operating system dropped.", why=SHOWN),
            Column("delivered", "i64", "Packets that were handed to who captured.", why=SHOWN),
            Column("comments", List("text"), "Remarks kept with the interface.", why=SHOWN),
            Column("section_hardware", "text", "Hardware of the machine that wrote the section.", why=SHOWN),
            Column("section_os", "text", "Operating system of the machine that wrote the section.", why=SHOWN),
            Column("section_application", "text", "Program that wrote the section.", why=SHOWN),
            Column("section_comments", List("text"), "Remarks kept with the section.", why=SHOWN),
        ),
    ),
)
