"""The columns of `cdp_info`."""

from __future__ import annotations

from netlake.schema import Column, List, Struct

ADDRESS = Struct(
    (
        Column("protocol_type", "u8", "How the protocol is told: 1 NLPID, 2 IEEE 802.2.",
               wireshark="cdp.protocol_type"),
        Column("protocol", "bytes", "The protocol; cc is IP.", wireshark="cdp.protocol"),
        Column("ip", "ip", "The address; null unless it has 4 or 16 bytes.", wireshark="cdp.nrgyz.ip_address"),
        Column("other", "bytes", "The address where it is another.", wireshark="cdp.address"),
    )
)  # fmt: skip
PREFIX = Struct(
    (
        Column("prefix", "ipv4", "The prefix, as an address.", wireshark="cdp.ip_prefix"),
        Column("length", "u8", "Bits of it that are meant, 0 to 32.", why="tshark gives it in words"),
    )
)
UNKNOWN = Struct(
    (
        Column("type", "u16", "Type of the TLV.", why="cdp.tlv.type of all"),
        Column("value", "bytes", "The value as it lies.", why="cdp.data of all"),
    )
)

LISTS = (
    "functions", "addresses", "prefixes", "management_addresses", "power_requested", "power_available", "unknown",
)  # fmt: skip

HELLO = (
    Column("hello_oui", "i32", "Protocol hello: IEEE number of the organisation, 24 bits.", wireshark="cdp.oui"),
    Column("hello_protocol", "u16", "Protocol hello: what it is for; 274 cluster management.",
           wireshark="cdp.protocol_id"),
    Column("hello_master", "ipv4", "Cluster: address of its master.", wireshark="cdp.cluster.master_ip"),
    Column("hello_address", "ipv4", "Cluster: an address, perhaps a mask.", wireshark="cdp.cluster.ip"),
    Column("hello_version", "u8", "Cluster: version.", wireshark="cdp.cluster.version"),
    Column("hello_sub_version", "u8", "Cluster: version below it.", wireshark="cdp.cluster.sub_version"),
    Column("hello_status", "u8", "Cluster: status.", wireshark="cdp.cluster.status"),
    Column("hello_commander_mac", "mac", "Cluster: address of its commander.", wireshark="cdp.cluster.commander_mac"),
    Column("hello_switch_mac", "mac", "Cluster: address of the switch.", wireshark="cdp.cluster.switch_mac"),
    Column("hello_management_vlan", "u16", "Cluster: its VLAN.", wireshark="cdp.cluster.management_vlan"),
    Column("hello_unknown", List("u8"), "Cluster: bytes that nobody explains.", wireshark="cdp.cluster.unknown"),
)  # fmt: skip
POWER = (
    Column("power_consumption", "u16", "Milliwatts that the device draws at most.", wireshark="cdp.power_consumption"),
    Column("power_requested_request_id", "u16", "Power requested: which of its requests.",
           why="cdp.request_id of both"),
    Column("power_requested_management_id", "u16", "Power requested: its management id.",
           why="cdp.management_id of both"),
    Column("power_requested", List("u32"), "Milliwatts that the device asks for.", wireshark="cdp.power_requested"),
    Column("power_available_request_id", "u16", "Power available: to which request.", why="cdp.request_id of both"),
    Column("power_available_management_id", "u16", "Power available: its management id.",
           why="cdp.management_id of both"),
    Column("power_available", List("u32"), "Milliwatts that the port can give.", wireshark="cdp.power_available"),
    Column("spare_pair_poe", "u8",
           "Power over all pairs: bit 1 the source can, 2 the device can, 4 the device asks, 8 the source does.",
           wireshark="cdp.spare_poe_tlv"),
)  # fmt: skip
ENERGYWISE = (
    Column("energywise_encrypted", "bytes", "EnergyWise: 20 encrypted bytes.", wireshark="cdp.encrypted_data"),
    Column("energywise_sequence", "u32", "EnergyWise: which of several.", wireshark="cdp.sequence_number"),
    Column("energywise_model", "text", "EnergyWise: model of the device.", wireshark="cdp.model_number"),
    Column("energywise_hardware", "text", "EnergyWise: version of its hardware.", wireshark="cdp.hardware_version_id"),
    Column("energywise_serial_number", "text", "EnergyWise: its serial number.", wireshark="cdp.system_serial_number"),
    Column("energywise_role", "text", "EnergyWise: its role.", wireshark="cdp.nrgyz_reply_to.role"),
    Column("energywise_domain", "text", "EnergyWise: its domain.", wireshark="cdp.nrgyz_reply_to.domain"),
    Column("energywise_name", "text", "EnergyWise: its name.", wireshark="cdp.nrgyz_reply_to.name"),
    Column("energywise_reply_port", "u16", "EnergyWise: port for answers.", wireshark="cdp.nrgyz_reply_to.port"),
    Column("energywise_reply_ip", "ipv4", "EnergyWise: address for answers.",
           wireshark="cdp.nrgyz_reply_to.ip_address"),
)  # fmt: skip
COLUMNS = (
    Column("device_id", "text", "Name of the device.", wireshark="cdp.deviceid"),
    Column("addresses", List(ADDRESS), "Addresses of the port."),
    Column("port_id", "text", "Port that this was sent from.", wireshark="cdp.portid"),
    Column("capabilities", "u32",
           "Bits of what the device is: 1 router, 2 bridge, 8 switch, 16 host, 32 IGMP, 128 telephone.",
           wireshark="cdp.capabilities"),
    Column("functions", List("word"), "Names of what the device is.", why="a field for each bit"),
    Column("software_version", "text", "What the device runs, several lines.", why="cdp.software_version is a line"),
    Column("platform", "text", "Hardware of the device.", wireshark="cdp.platform"),
    Column("prefixes", List(PREFIX), "Networks behind the port."),
    Column("default_gateway", "ipv4", "Default gateway for on-demand routing.", wireshark="cdp.odr_default_gateway"),
    Column("vtp_domain", "text", "VLAN trunking domain.", wireshark="cdp.vtp_management_domain"),
    Column("native_vlan", "u16", "VLAN of untagged frames.", wireshark="cdp.native_vlan"),
    Column("full_duplex", "bool", "The port works in full duplex, else in half.", wireshark="cdp.duplex"),
    Column("vlan_reply_id", "u8", "VLAN for an appliance, answer: kind of appliance.", why="cdp.data of several"),
    Column("vlan_reply", "u16", "VLAN for an appliance, answer: the VLAN.", why="cdp.voice_vlan of both"),
    Column("vlan_query_id", "u8", "VLAN for an appliance, question: kind of appliance.", why="cdp.data of several"),
    Column("vlan_query", "u16", "VLAN for an appliance, question: the VLAN.", why="cdp.voice_vlan of both"),
    Column("mtu", "u32", "Bytes that the port takes.", wireshark="cdp.mtu"),
    Column("trust_bitmap", "u8", "Extended trust: bit 1 priorities are believed.", wireshark="cdp.trust_bitmap"),
    Column("untrusted_cos", "u8", "Class of service of frames not believed.", wireshark="cdp.untrusted_port_cos"),
    Column("system_name", "text", "System name, as in sysName.", wireshark="cdp.system_name"),
    Column("system_object_id", "bytes", "Kind of system, as in sysObjectID, as BER encodes it.",
           wireshark="cdp.system_object_identifier"),
    Column("management_addresses", List(ADDRESS), "Addresses to manage it by."),
    Column("location_type", "u8", "How the location is told.", wireshark="cdp.location.unknown"),
    Column("location", "text", "Where the device is.", wireshark="cdp.location"),
    *HELLO,
    *POWER,
    *ENERGYWISE,
    Column("unknown", List(UNKNOWN), "TLVs of other types.", why="compared in cdp"),
)  # fmt: skip
