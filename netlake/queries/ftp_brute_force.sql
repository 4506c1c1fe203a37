-- Which hosts failed to log in to FTP many times?
-- Sources with many refused logins (reply 530 to PASS or USER) of one server, and whether a login succeeded.
-- technique: T1110.001
-- param min_failures: integer = 5  -- Least number of refused logins.
SELECT
    capture,
    src_ip AS source,
    dst_ip AS target,
    count(*) FILTER (WHERE code = 530) AS failures,
    count(*) FILTER (WHERE code = 230) AS successes,
    count(DISTINCT "user") AS users,
    list_slice(list_sort(list(DISTINCT "user")), 1, 5) AS some_users,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM ftp_command
WHERE upper(command) IN ('USER', 'PASS') AND code IN (230, 530)
GROUP BY capture, source, target
HAVING failures >= $min_failures
ORDER BY failures DESC, source, target, capture
