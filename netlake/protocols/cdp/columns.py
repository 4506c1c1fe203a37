"""Columns of table `cdp_info`."""

from __future__ import annotations

from netlake.schema import Column, List, Struct

ADDRESS = Struct(
    (
        Column("protocol_type", "u8", "Form of `protocol`: 1 NLPID, 2 IEEE 802.2.", wireshark="cdp.protocol_type"),
        Column("protocol", "bytes", "Network protocol; the byte cc is IPv4.", wireshark="cdp.protocol"),
        Column("ip", "ip", "IP address; null unless it has 4 or 16 bytes.", wireshark="cdp.nrgyz.ip_address"),
        Column("other", "bytes", "Address of another size.", wireshark="cdp.address"),
    )
)  # fmt: skip
PREFIX = Struct(
    (
        Column("prefix", "ipv4", "IP prefix as an address.", wireshark="cdp.ip_prefix"),
        Column("length", "u8", "Prefix length, 0 to 32 bits.", why="tshark gives it as text"),
    )
)
UNKNOWN = Struct(
    (
        Column("type", "u16", "TLV type.", why="cdp.tlv.type has every TLV"),
        Column("value", "bytes", "TLV value as sent.", why="cdp.data has every TLV"),
    )
)

LISTS = (
    "functions", "addresses", "prefixes", "management_addresses", "power_requested", "power_available", "unknown",
)  # fmt: skip

HELLO = (
    Column("hello_oui", "i32", "Protocol Hello: OUI of the organization, 24 bits.", wireshark="cdp.oui"),
    Column("hello_protocol", "u16", "Protocol Hello: protocol ID; 274 cluster management.",
           wireshark="cdp.protocol_id"),
    Column("hello_master", "ipv4", "Cluster: IP address of the cluster master.", wireshark="cdp.cluster.master_ip"),
    Column("hello_address", "ipv4", "Cluster: IP address or mask.", wireshark="cdp.cluster.ip"),
    Column("hello_version", "u8", "Cluster: version.", wireshark="cdp.cluster.version"),
    Column("hello_sub_version", "u8", "Cluster: sub-version.", wireshark="cdp.cluster.sub_version"),
    Column("hello_status", "u8", "Cluster: status.", wireshark="cdp.cluster.status"),
    Column("hello_commander_mac", "mac", "Cluster: MAC address of the commander.",
           wireshark="cdp.cluster.commander_mac"),
    Column("hello_switch_mac", "mac", "Cluster: MAC address of the switch.", wireshark="cdp.cluster.switch_mac"),
    Column("hello_management_vlan", "u16", "Cluster: management VLAN.", wireshark="cdp.cluster.management_vlan"),
    Column("hello_unknown", List("u8"), "Cluster: undocumented bytes.", wireshark="cdp.cluster.unknown"),
)  # fmt: skip
POWER = (
    Column("power_consumption", "u16", "Maximum power consumption of the device, milliwatts.",
           wireshark="cdp.power_consumption"),
    Column("power_requested_request_id", "u16", "Power requested: request ID.", why="cdp.request_id is of both TLVs"),
    Column("power_requested_management_id", "u16", "Power requested: management ID.",
           why="cdp.management_id is of both TLVs"),
    Column("power_requested", List("u32"), "Power requested by the device, milliwatts.",
           wireshark="cdp.power_requested"),
    Column("power_available_request_id", "u16", "Power available: ID of the answered request.",
           why="cdp.request_id is of both TLVs"),
    Column("power_available_management_id", "u16", "Power available: management ID.",
           why="cdp.management_id is of both TLVs"),
    Column("power_available", List("u32"), "Power available at the port, milliwatts.", wireshark="cdp.power_available"),
    Column("spare_pair_poe", "u8",
           "Spare pair PoE flags: 1 source supports, 2 device supports, 4 device requests, 8 source provides.",
           wireshark="cdp.spare_poe_tlv"),
)  # fmt: skip
ENERGYWISE = (
    Column("energywise_encrypted", "bytes", "EnergyWise: 20 encrypted bytes.", wireshark="cdp.encrypted_data"),
    Column("energywise_sequence", "u32", "EnergyWise: sequence number.", wireshark="cdp.sequence_number"),
    Column("energywise_model", "text", "EnergyWise: model number.", wireshark="cdp.model_number"),
    Column("energywise_hardware", "text", "EnergyWise: hardware version.", wireshark="cdp.hardware_version_id"),
    Column("energywise_serial_number", "text", "EnergyWise: serial number.", wireshark="cdp.system_serial_number"),
    Column("energywise_role", "text", "EnergyWise: role.", wireshark="cdp.nrgyz_reply_to.role"),
    Column("energywise_domain", "text", "EnergyWise: domain.", wireshark="cdp.nrgyz_reply_to.domain"),
    Column("energywise_name", "text", "EnergyWise: name.", wireshark="cdp.nrgyz_reply_to.name"),
    Column("energywise_reply_port", "u16", "EnergyWise: UDP port for replies.", wireshark="cdp.nrgyz_reply_to.port"),
    Column("energywise_reply_ip", "ipv4", "EnergyWise: IP address for replies.",
           wireshark="cdp.nrgyz_reply_to.ip_address"),
)  # fmt: skip
COLUMNS = (
    Column("device_id", "text", "Device ID: name of the device.", wireshark="cdp.deviceid"),
    Column("addresses", List(ADDRESS), "Addresses of the port."),
    Column("port_id", "text", "Port ID: name of the port that sent the frame.", wireshark="cdp.portid"),
    Column("capabilities", "u32",
           "Capability bits: 1 router, 2 bridge, 4 source route bridge, 8 switch, 16 host, 32 IGMP, 128 phone.",
           wireshark="cdp.capabilities"),
    Column("functions", List("word"), "Names of the capability bits that are set.", why="one tshark field per bit"),
    Column("software_version", "text", "Software version, several lines.", why="one cdp.software_version per line"),
    Column("platform", "text", "Hardware platform.", wireshark="cdp.platform"),
    Column("prefixes", List(PREFIX), "IP prefixes reachable through the port."),
    Column("default_gateway", "ipv4", "Default gateway for on-demand routing (ODR).",
           wireshark="cdp.odr_default_gateway"),
    Column("vtp_domain", "text", "VTP management domain.", wireshark="cdp.vtp_management_domain"),
    Column("native_vlan", "u16", "Native VLAN of the port.", wireshark="cdp.native_vlan"),
    Column("full_duplex", "bool", "Duplex of the port: true full, false half.", wireshark="cdp.duplex"),
    Column("vlan_reply_id", "u8", "VoIP VLAN reply: appliance ID.", why="cdp.data is of several TLVs"),
    Column("vlan_reply", "u16", "VoIP VLAN reply: VLAN.", why="cdp.voice_vlan is of both TLVs"),
    Column("vlan_query_id", "u8", "VoIP VLAN query: appliance ID.", why="cdp.data is of several TLVs"),
    Column("vlan_query", "u16", "VoIP VLAN query: VLAN.", why="cdp.voice_vlan is of both TLVs"),
    Column("mtu", "u32", "MTU of the port, bytes.", wireshark="cdp.mtu"),
    Column("trust_bitmap", "u8", "Extended trust: bit 1, the priorities of received frames are trusted.",
           wireshark="cdp.trust_bitmap"),
    Column("untrusted_cos", "u8", "Class of service of frames from an untrusted port.",
           wireshark="cdp.untrusted_port_cos"),
    Column("system_name", "text", "System name (sysName).", wireshark="cdp.system_name"),
    Column("system_object_id", "bytes", "System object ID (sysObjectID), BER-encoded.",
           wireshark="cdp.system_object_identifier"),
    Column("management_addresses", List(ADDRESS), "Management addresses of the device."),
    Column("location_type", "u8", "Location: type.", wireshark="cdp.location.unknown"),
    Column("location", "text", "Location of the device.", wireshark="cdp.location"),
    *HELLO,
    *POWER,
    *ENERGYWISE,
    Column("unknown", List(UNKNOWN), "TLVs of other types.", why="compared in table cdp"),
)  # fmt: skip
