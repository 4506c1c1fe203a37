-- Was a file with this hash transferred?
-- Every transfer of a file with the MD5, SHA-1 or SHA-256, with its name and addresses, over all captures.
-- param hash: text  -- MD5, SHA-1 or SHA-256 in hexadecimal digits.
SELECT
    capture,
    ts,
    packet,
    source,
    name,
    size,
    detected_type AS type,
    src_ip AS sender,
    dst_ip AS receiver,
    sha256
FROM file
WHERE lower(trim($hash)) IN (md5, sha1, sha256)
ORDER BY ts, capture, packet
