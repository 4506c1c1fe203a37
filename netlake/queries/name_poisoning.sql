-- Which hosts answer name queries for several names (LLMNR and NetBIOS poisoning)?
-- Hosts that answered LLMNR queries, or NetBIOS ones with their own address, for several different names, as a responder does to
-- receive logons. A host has one name; a host with further names is found too.
-- technique: T1557.001
-- param min_names: integer = 2  -- Least number of names.
WITH answers AS (
    SELECT capture, ts, src_ip AS source, dst_ip AS client, 'LLMNR' AS protocol, lower(split_part(query_name, '.', 1)) AS name
    FROM dns
    WHERE response AND src_port = 5355 AND len(answers) > 0
    UNION ALL
    SELECT capture, ts, src_ip, dst_ip, 'NetBIOS', lower(trim(record.name))
    FROM (SELECT *, unnest(records) AS record FROM netbios_ns WHERE response AND opcode = 0)
    WHERE list_contains(record.addresses, src_ip)
)
SELECT
    capture,
    source,
    count(DISTINCT name) AS names,
    list_slice(list_sort(list(DISTINCT name)), 1, 10) AS some_names,
    list_sort(list(DISTINCT protocol)) AS protocols,
    list_slice(list_sort(list(DISTINCT client)), 1, 10) AS clients,
    count(*) AS answers,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM answers
WHERE name <> ''
GROUP BY capture, source
HAVING names >= $min_names
ORDER BY names DESC, source, capture
