"""The HT control field of IEEE 802.11: how stations agree on rates and antennas, in the forms of HT and of VHT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.schema import Column

# of MAI, four bits: not a request, but that an antenna is to be selected
ANTENNA_SELECTION = 14

COLUMNS = (
    Column("ht_variant", "word", "HT control: its form, `ht`, `vht` or `he`; of `he` no more is read.",
           why="told by two fields"),
    Column("ht_ac_constraint", "bool", "HT control: the answer must be of the same access category.",
           wireshark="wlan.htc.ac_constraint"),
    Column("ht_rdg_more_ppdu", "bool", "HT control: the other side may send, or more frames follow.",
           wireshark="wlan.htc.rdg_more_ppdu"),
    Column("ht_mcs_request", "bool", "HT control: advice on the rate is asked for (MRQ).", wireshark="wlan.htc.mrq"),
    Column("ht_mcs_request_sequence", "u8", "HT control: number of that request, 0 to 7 (MSI).",
           wireshark="wlan.htc.msi"),
    Column("ht_mcs_feedback_sequence", "u8", "HT control: number of the request that is answered, 0 to 7 (MFSI).",
           why="tshark shows three bits as a boolean"),
    Column("ht_mcs_feedback", "u16", "HT control: the advice, 7 bits in form `ht`, 15 in `vht` (MFB).",
           wireshark="wlan.htc.mfb"),
    Column("ht_training_request", "bool", "Form `ht`: a sounding frame is asked for (TRQ).",
           wireshark="wlan.htc.lac.trq"),
    Column("ht_antenna_command", "u8", "Form `ht`: command of antenna selection, 0 to 7; null in other frames.",
           wireshark="wlan.htc.lac.asel.command"),
    Column("ht_antenna_data", "u8", "Form `ht`: what the command needs, 0 to 15.", wireshark="wlan.htc.lac.asel.data"),
    Column("ht_calibration_position", "u8", "Form `ht`: 0 no calibration, 1 start, 2 sounding answer, 3 complete.",
           wireshark="wlan.htc.cal.pos"),
    Column("ht_calibration_sequence", "u8", "Form `ht`: number of the calibration, 0 to 3.",
           wireshark="wlan.htc.cal.seq"),
    Column("ht_csi_steering", "u8", "Form `ht`: feedback wanted: 0 none, 1 channel state, 2 and 3 steering matrices.",
           wireshark="wlan.htc.csi_steering"),
    Column("ht_ndp_announcement", "bool", "Form `ht`: a frame without data follows, for sounding.",
           wireshark="wlan.htc.ndp_announcement"),
    Column("ht_drop_eligible", "bool", "Form `ht`: the frame may be dropped first.", why="reserved in tshark"),
    Column("vht_unsolicited_feedback", "bool", "Form `vht`: the advice answers no request.",
           wireshark="wlan.htc.unsolicited_mfb"),
    Column("vht_compressed_sequence", "u8", "Form `vht`, unsolicited: 0 to 3 (compressed MSI).",
           wireshark="wlan.htc.compressed_msi"),
    Column("vht_stbc", "bool", "Form `vht`, unsolicited: what was measured had space-time block coding.",
           wireshark="wlan.htc.ppdu_stbc_encoded"),
    Column("vht_group_id", "u8", "Form `vht`, unsolicited: group of what was measured, 0 to 63.",
           why="tshark shows its two parts"),
    Column("vht_coding_type", "u8", "Form `vht`, unsolicited: coding of it, 0 BCC, 1 LDPC.",
           wireshark="wlan.htc.coding_type"),
    Column("vht_beamformed", "bool", "Form `vht`, unsolicited: it was beamformed.", wireshark="wlan.htc.fb_tx_type"),
    Column("vht_streams", "u8", "Form `vht`, in the advice: space-time streams less 1, 0 to 7.",
           wireshark="wlan.htc.num_sts"),
    Column("vht_mcs", "u8", "Form `vht`, in the advice: index of modulation and coding, 15 for no advice.",
           wireshark="wlan.htc.vht_mcs"),
    Column("vht_bandwidth", "u8", "Form `vht`, in the advice: 0 20, 1 40, 2 80, 3 160 megahertz.",
           wireshark="wlan.htc.bw"),
    Column("vht_snr", "i8", "Form `vht`, in the advice: signal to noise, decibels, -10 to 53.",
           why="tshark shows a number of 6 bits"),
)  # fmt: skip


def ht_control(number: int) -> Iterator[tuple[str, Any]]:
    """What the four bytes say, by their form."""
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
