-- One row for each request to a SOCKS proxy, as in Zeek's socks.log; passwords are not stored.
-- tables: socks
-- ts: Time of the first message.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- version: Version, 4 or 5.
-- user: User.
-- status: Meaning of the reply of the proxy.
-- request.host: Address that was requested.
-- request.name: Name of the host that was requested.
-- request_p: Port that was requested.
-- bound.host: Address that the proxy uses.
-- bound.name: Name that the proxy gives instead of an address.
-- bound_p: Port that the proxy uses.
SELECT ts, zeek_uid(capture, flow) AS uid,
    CASE WHEN from_originator THEN src_ip ELSE dst_ip END AS "id.orig_h",
    CASE WHEN from_originator THEN src_port ELSE dst_port END AS "id.orig_p",
    CASE WHEN from_originator THEN dst_ip ELSE src_ip END AS "id.resp_h",
    CASE WHEN from_originator THEN dst_port ELSE src_port END AS "id.resp_p",
    version, "user",
    CASE WHEN version = 5 THEN ['succeeded', 'general SOCKS server failure', 'connection not allowed by ruleset',
        'Network unreachable',
        'Host unreachable', 'Connection refused', 'TTL expired', 'Command not supported',
            'Address type not supported'][reply + 1]
        ELSE CASE reply WHEN 90 THEN 'succeeded' WHEN 91 THEN 'general SOCKS server failure'
            WHEN 92 THEN 'request failed because client is not running identd'
            WHEN 93 THEN 'request failed because client''s identd could not confirm the user ID string in the request' END END AS status,
    target_ip AS "request.host", target_domain AS "request.name", target_port AS request_p, bound_ip AS "bound.host",
    bound_domain AS "bound.name", bound_port AS bound_p
FROM main.socks
