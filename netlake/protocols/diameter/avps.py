"""Names and data formats of AVPs: base protocol, credit control, access servers, and the common ones of 3GPP.

Sources: RFC 6733, RFC 7155, RFC 8506, 3GPP TS 29.061, 29.212, 29.229, 29.272 and 32.299; ordered by format.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from netlake.layers.items import text
from netlake.layers.pools import address_text

THE_3GPP = 10415
VENDORS = {
    9: "Cisco", 94: "Nokia", 193: "Ericsson", 2011: "Huawei", 5535: "3GPP2", 8164: "Starent", 12645: "Vodafone",
    13019: "ETSI", THE_3GPP: "3GPP",
}  # fmt: skip

# AVP codes of the IETF, by format
STANDARD: dict[str, dict[int, str]] = {
    "OctetString": {
        2: "User-Password", 4: "NAS-IP-Address", 8: "Framed-IP-Address", 24: "State", 25: "Class", 33: "Proxy-State",
        44: "Acct-Session-Id", 97: "Framed-IPv6-Prefix", 411: "CC-Correlation-Id", 442: "Service-Parameter-Value",
        460: "User-Equipment-Info-Value", 462: "EAP-Payload",
    },
    "UTF8String": {
        1: "User-Name", 11: "Filter-Id", 30: "Called-Station-Id", 31: "Calling-Station-Id", 32: "NAS-Identifier",
        50: "Acct-Multi-Session-Id", 263: "Session-Id", 269: "Product-Name", 281: "Error-Message", 424: "Cost-Unit",
        435: "Redirect-Server-Address", 444: "Subscription-Id-Data", 461: "Service-Context-Id",
    },
    "DiameterIdentity": {
        264: "Origin-Host", 280: "Proxy-Host", 282: "Route-Record", 283: "Destination-Realm", 293: "Destination-Host",
        294: "Error-Reporting-Host", 296: "Origin-Realm",
    },
    "DiameterURI": {292: "Redirect-Host"},
    "IPFilterRule": {438: "Restriction-Filter-Rule"},
    "Address": {257: "Host-IP-Address"},
    "Time": {55: "Event-Timestamp", 451: "Tariff-Time-Change"},
    "Unsigned32": {
        5: "NAS-Port", 27: "Session-Timeout", 85: "Acct-Interim-Interval", 258: "Auth-Application-Id",
        259: "Acct-Application-Id", 262: "Redirect-Max-Cache-Time", 265: "Supported-Vendor-Id", 266: "Vendor-Id",
        267: "Firmware-Revision", 268: "Result-Code", 270: "Session-Binding", 272: "Multi-Round-Time-Out",
        276: "Auth-Grace-Period", 278: "Origin-State-Id", 291: "Authorization-Lifetime",
        298: "Experimental-Result-Code", 299: "Inband-Security-Id", 415: "CC-Request-Number", 420: "CC-Time",
        425: "Currency-Code", 432: "Rating-Group", 439: "Service-Identifier", 441: "Service-Parameter-Type",
        448: "Validity-Time", 453: "G-S-U-Pool-Identifier", 485: "Accounting-Record-Number",
    },
    "Enumerated": {
        6: "Service-Type", 61: "NAS-Port-Type", 261: "Redirect-Host-Usage", 271: "Session-Server-Failover",
        273: "Disconnect-Cause", 274: "Auth-Request-Type", 277: "Auth-Session-State", 285: "Re-Auth-Request-Type",
        295: "Termination-Cause", 416: "CC-Request-Type", 418: "CC-Session-Failover", 422: "Check-Balance-Result",
        426: "Credit-Control", 427: "Credit-Control-Failure-Handling", 428: "Direct-Debiting-Failure-Handling",
        433: "Redirect-Address-Type", 436: "Requested-Action", 449: "Final-Unit-Action", 450: "Subscription-Id-Type",
        452: "Tariff-Change-Usage", 454: "CC-Unit-Type", 455: "Multiple-Services-Indicator",
        459: "User-Equipment-Info-Type", 480: "Accounting-Record-Type", 483: "Accounting-Realtime-Required",
    },
    "Integer32": {429: "Exponent"},
    "Integer64": {447: "Value-Digits"},
    "Unsigned64": {
        287: "Accounting-Sub-Session-Id", 412: "CC-Input-Octets", 414: "CC-Output-Octets",
        417: "CC-Service-Specific-Units", 419: "CC-Sub-Session-Id", 421: "CC-Total-Octets",
    },
    "Grouped": {
        260: "Vendor-Specific-Application-Id", 279: "Failed-AVP", 284: "Proxy-Info", 297: "Experimental-Result",
        413: "CC-Money", 423: "Cost-Information", 430: "Final-Unit-Indication", 431: "Granted-Service-Unit",
        434: "Redirect-Server", 437: "Requested-Service-Unit", 440: "Service-Parameter-Info", 443: "Subscription-Id",
        445: "Unit-Value", 446: "Used-Service-Unit", 456: "Multiple-Services-Credit-Control",
        457: "G-S-U-Pool-Reference", 458: "User-Equipment-Info",
    },
}  # fmt: skip
OF_3GPP: dict[str, dict[int, str]] = {
    "OctetString": {701: "MSISDN", 1005: "Charging-Rule-Name", 1407: "Visited-PLMN-Id"},
    "UTF8String": {601: "Public-Identity", 1004: "Charging-Rule-Base-Name", 1402: "IMEI"},
    "Unsigned32": {629: "Feature-List-ID", 630: "Feature-List", 1405: "ULR-Flags", 1406: "ULA-Flags"},
    "Enumerated": {872: "Reporting-Reason", 1006: "Event-Trigger", 1032: "RAT-Type"},
    "Grouped": {
        628: "Supported-Features", 873: "Service-Information", 874: "PS-Information", 876: "IMS-Information",
        1001: "Charging-Rule-Install", 1002: "Charging-Rule-Remove", 1003: "Charging-Rule-Definition",
        1016: "QoS-Information", 1049: "Default-EPS-Bearer-QoS", 1400: "Subscription-Data",
        1401: "Terminal-Information", 1408: "Requested-EUTRAN-Authentication-Info", 1413: "Authentication-Info",
        1414: "E-UTRAN-Vector", 1429: "APN-Configuration-Profile", 1430: "APN-Configuration",
    },
}  # fmt: skip
KNOWN: dict[tuple[int | None, int], tuple[str, str]] = {
    (vendor, code): (name, form)
    for vendor, forms in ((None, STANDARD), (THE_3GPP, OF_3GPP))
    for form, names in forms.items()
    for code, name in names.items()
}
GROUPED = frozenset(key for key, (_, form) in KNOWN.items() if form == "Grouped")
SIZES = {"Unsigned32": 4, "Enumerated": 4, "Integer32": 4, "Unsigned64": 8, "Integer64": 8}
SIGNED = ("Enumerated", "Integer32", "Integer64")
TEXTS = ("UTF8String", "DiameterIdentity", "DiameterURI", "IPFilterRule")
ADDRESS_SIZES = {1: 4, 2: 16}
LARGEST = (1 << 63) - 1
# times are seconds since 1900 whose highest bit is set until 2036 (RFC 6733 section 4.3.1)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
ERA = 1 << 32


def meaning(form: str, value: bytes) -> dict[str, Any]:
    """Value of an AVP with data format `form`, as `number` or `text`; empty if the value does not fit the format."""
    if form in SIZES:
        number = int.from_bytes(value, "big", signed=form in SIGNED)
        return {"number": number} if len(value) == SIZES[form] and number <= LARGEST else {}
    if form in TEXTS:
        return {"text": text(value)}
    if form == "Address" and len(value) - 2 == ADDRESS_SIZES.get(int.from_bytes(value[:2], "big")):
        return {"text": address_text(value[2:])}
    if form == "Time" and len(value) == 4:
        seconds = int.from_bytes(value, "big")
        when = BEGINNING + timedelta(seconds=seconds if seconds >= ERA // 2 else seconds + ERA)
        return {"text": f"{when:%Y-%m-%dT%H:%M:%SZ}"}
    return {}
