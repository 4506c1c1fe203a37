-- Which servers have certificates that are expired, not yet valid or self-signed?
-- Own certificates of servers whose period did not contain the time of the connection, or whose issuer is the subject.
-- technique: T1587.003
-- param self_signed: boolean = true  -- Also certificates that are self-signed.
SELECT
    capture,
    src_ip AS server,
    src_port AS port,
    subject,
    issuer,
    concat_ws(', ',
        CASE WHEN ts > not_after THEN 'expired' END,
        CASE WHEN ts < not_before THEN 'not yet valid' END,
        CASE WHEN self_issued THEN 'self-signed' END) AS why,
    not_before,
    not_after,
    count(*) AS connections,
    any_value(sha256) AS sha256
FROM x509
WHERE chain_position = 0 AND NOT from_originator
    AND (ts > not_after OR ts < not_before OR ($self_signed AND self_issued))
GROUP BY ALL
ORDER BY connections DESC, server, port, subject, why, capture
