"""Interfaces of a capture, with the sections of the file that describe them. The pipeline writes the rows."""

from __future__ import annotations

from netlake.schema import Column, List, Table

TABLES = (
    Table(
        "interface",
        "One row for each interface of a capture; a classic pcap file has one.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="capture",
        key=("capture", "number"),
        why="tshark shows the interface of a packet only",
        columns=(
            Column("number", "i32", "Number of the interface in the capture, from 0."),
            Column("section", "i32", "Number of the section of the file that describes the interface, from 0."),
            Column("name", "text", "Device name, such as eth0."),
            Column("description", "text", "Description of the device."),
            Column("link_type", "i32", "LINKTYPE number of the outermost header of its packets; 1 is Ethernet."),
            Column("snaplen", "i64", "Snapshot length: maximum bytes kept of a packet; 0 for no limit."),
            Column("filter", "text", "Capture filter."),
            Column("os", "text", "Operating system of the machine."),
            Column("hardware", "text", "Hardware of the interface."),
            Column("mac", "mac", "MAC address of the interface."),
            Column("speed", "i64", "Speed, bits per second."),
            Column("fcs_length", "u8", "Bytes of the frame check sequence at the end of each packet."),
            Column("resolution", "word", "Timestamp resolution as a power, seconds: 10^-6, 2^-10."),
            Column("offset_seconds", "i64", "Seconds that were added to its timestamps."),
            Column("started", "ts", "Start of the capture, from the last statistics block."),
            Column("ended", "ts", "End of the capture, from the last statistics block."),
            Column("received", "i64", "Packets that the interface received, from the last statistics block."),
            Column("dropped", "i64", "Packets dropped for lack of resources, from the last statistics block."),
            Column("filter_accepted", "i64", "Packets that the filter accepted, from the last statistics block."),
            Column("os_dropped", "i64", "Packets that the operating system dropped, from the last statistics block."),
            Column("delivered", "i64", "Packets delivered to the capturing program, from the last statistics block."),
            Column("comments", List("text"), "Comments on the interface."),
            Column("section_hardware", "text", "Hardware of the machine that wrote the section."),
            Column("section_os", "text", "Operating system of the machine that wrote the section."),
            Column("section_application", "text", "Program that wrote the section."),
            Column("section_comments", List("text"), "Comments on the section."),
        ),
    ),
)
