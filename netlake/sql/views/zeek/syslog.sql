-- One row for each syslog message, as in Zeek's syslog.log.
-- tables: syslog
-- ts: Time of the packet.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- proto: Transport protocol: udp.
-- facility: Name of the facility; UNSPECIFIED without one.
-- severity: Name of the severity; UNSPECIFIED without one.
-- message: Text of the message.
SELECT ts, zeek_uid(capture, flow) AS uid,
    CASE WHEN from_originator THEN src_ip ELSE dst_ip END AS "id.orig_h",
    CASE WHEN from_originator THEN src_port ELSE dst_port END AS "id.orig_p",
    CASE WHEN from_originator THEN dst_ip ELSE src_ip END AS "id.resp_h",
    CASE WHEN from_originator THEN dst_port ELSE src_port END AS "id.resp_p",
    'udp' AS proto,
    coalesce(['KERN', 'USER', 'MAIL', 'DAEMON', 'AUTH', 'SYSLOG', 'LPR', 'NEWS', 'UUCP', 'CRON', 'AUTHPRIV', 'FTP',
        'NTP', 'AUDIT',
        'ALERT', 'CLOCK', 'LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6',
            'LOCAL7'][facility + 1], 'UNSPECIFIED') AS facility,
    coalesce(['EMERG', 'ALERT', 'CRIT', 'ERR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'][severity + 1],
        'UNSPECIFIED') AS severity, message
FROM main.syslog
