"""HT Control field of IEEE 802.11: link adaptation and antenna selection, in its HT and VHT variants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.schema import Column

# value of the MAI subfield that means antenna selection instead of an MCS request
ANTENNA_SELECTION = 14

COLUMNS = (
    Column("ht_variant", "word", "HT Control: variant, `ht`, `vht` or `he`; no other columns for `he`.",
           why="derived from two tshark fields"),
    Column("ht_ac_constraint", "bool", "HT Control: AC constraint, the response must have the same access category.",
           wireshark="wlan.htc.ac_constraint"),
    Column("ht_rdg_more_ppdu", "bool", "HT Control: RDG/more PPDU, reverse direction grant or more PPDUs follow.",
           wireshark="wlan.htc.rdg_more_ppdu"),
    Column("ht_mcs_request", "bool", "HT Control: MCS request (MRQ).", wireshark="wlan.htc.mrq"),
    Column("ht_mcs_request_sequence", "u8", "HT Control: sequence identifier of the MCS request (MSI), 0 to 7.",
           wireshark="wlan.htc.msi"),
    Column("ht_mcs_feedback_sequence", "u8", "HT Control: sequence identifier of the answered request (MFSI), 0 to 7.",
           why="tshark shows three bits as a boolean"),
    Column("ht_mcs_feedback", "u16", "HT Control: MCS feedback (MFB), 7 bits in the HT variant, 15 in the VHT variant.",
           wireshark="wlan.htc.mfb"),
    Column("ht_training_request", "bool", "HT variant: training request (TRQ) for a sounding PPDU.",
           wireshark="wlan.htc.lac.trq"),
    Column("ht_antenna_command", "u8", "HT variant: antenna selection command, 0 to 7; null without antenna selection.",
           wireshark="wlan.htc.lac.asel.command"),
    Column("ht_antenna_data", "u8", "HT variant: antenna selection data, 0 to 15.", wireshark="wlan.htc.lac.asel.data"),
    Column("ht_calibration_position", "u8",
           "HT variant: calibration position, 0 none, 1 start, 2 sounding response, 3 complete.",
           wireshark="wlan.htc.cal.pos"),
    Column("ht_calibration_sequence", "u8", "HT variant: calibration sequence, 0 to 3.", wireshark="wlan.htc.cal.seq"),
    Column("ht_csi_steering", "u8",
           "HT variant: requested feedback, 0 none, 1 CSI, 2 uncompressed, 3 compressed beamforming.",
           wireshark="wlan.htc.csi_steering"),
    Column("ht_ndp_announcement", "bool", "HT variant: NDP announcement, a null data packet for sounding follows.",
           wireshark="wlan.htc.ndp_announcement"),
    Column("ht_drop_eligible", "bool", "HT variant: drop eligibility (DEI), the frame is dropped first.",
           why="reserved in tshark"),
    Column("vht_unsolicited_feedback", "bool", "VHT variant: unsolicited MFB, the feedback answers no request.",
           wireshark="wlan.htc.unsolicited_mfb"),
    Column("vht_compressed_sequence", "u8", "VHT variant, unsolicited: compressed MSI, 0 to 3.",
           wireshark="wlan.htc.compressed_msi"),
    Column("vht_stbc", "bool", "VHT variant, unsolicited: the measured PPDU had space-time block coding.",
           wireshark="wlan.htc.ppdu_stbc_encoded"),
    Column("vht_group_id", "u8", "VHT variant, unsolicited: group ID of the measured PPDU, 0 to 63.",
           why="tshark shows its two parts"),
    Column("vht_coding_type", "u8", "VHT variant, unsolicited: coding of the measured PPDU, 0 BCC, 1 LDPC.",
           wireshark="wlan.htc.coding_type"),
    Column("vht_beamformed", "bool", "VHT variant, unsolicited: the measured PPDU was beamformed.",
           wireshark="wlan.htc.fb_tx_type"),
    Column("vht_streams", "u8", "VHT variant, feedback: number of space-time streams minus 1, 0 to 7.",
           wireshark="wlan.htc.num_sts"),
    Column("vht_mcs", "u8", "VHT variant, feedback: MCS index; 15 no feedback.", wireshark="wlan.htc.vht_mcs"),
    Column("vht_bandwidth", "u8", "VHT variant, feedback: bandwidth, 0 20 MHz, 1 40 MHz, 2 80 MHz, 3 160 MHz.",
           wireshark="wlan.htc.bw"),
    Column("vht_snr", "i8", "VHT variant, feedback: average SNR, dB, -10 to 53.",
           why="tshark shows a number of 6 bits"),
)  # fmt: skip


def ht_control(number: int) -> Iterator[tuple[str, Any]]:
    """Columns of the HT Control field, by its variant."""
    vht = bool(number & 1)
    if vht and number & 2:
        yield "ht_variant", "he"
        return
    yield "ht_variant", "vht" if vht else "ht"
    yield "ht_ac_constraint", bool(number >> 30 & 1)
    yield "ht_rdg_more_ppdu", bool(number >> 31)
    yield from _vht(number) if vht else _ht(number)


def _ht(number: int) -> Iterator[tuple[str, Any]]:
    yield "ht_training_request", bool(number & 2)
    if number >> 2 & 15 == ANTENNA_SELECTION:
        yield "ht_antenna_command", number >> 9 & 7
        yield "ht_antenna_data", number >> 12 & 15
    else:
        yield "ht_mcs_request", bool(number & 4)
        yield "ht_mcs_request_sequence", number >> 3 & 7
        yield "ht_mcs_feedback", number >> 9 & 127
    yield "ht_mcs_feedback_sequence", number >> 6 & 7
    yield "ht_calibration_position", number >> 16 & 3
    yield "ht_calibration_sequence", number >> 18 & 3
    yield "ht_csi_steering", number >> 22 & 3
    yield "ht_ndp_announcement", bool(number >> 24 & 1)
    yield "ht_drop_eligible", bool(number >> 29 & 1)


def _vht(number: int) -> Iterator[tuple[str, Any]]:
    unsolicited = bool(number >> 29 & 1)
    yield "ht_mcs_request", bool(number & 4)
    if unsolicited:
        yield "vht_compressed_sequence", number >> 3 & 3
        yield "vht_stbc", bool(number >> 5 & 1)
        yield "vht_group_id", number >> 6 & 7 | (number >> 24 & 7) << 3
        yield "vht_coding_type", number >> 27 & 1
        yield "vht_beamformed", bool(number >> 28 & 1)
    else:
        yield "ht_mcs_request_sequence", number >> 3 & 7
        yield "ht_mcs_feedback_sequence", number >> 6 & 7
    yield "ht_mcs_feedback", number >> 9 & 0x7FFF
    yield "vht_streams", number >> 9 & 7
    yield "vht_mcs", number >> 12 & 15
    yield "vht_bandwidth", number >> 16 & 3
    snr = number >> 18 & 63
    yield "vht_snr", 22 + snr - (64 if snr > 31 else 0)
    yield "vht_unsolicited_feedback", unsolicited
