-- Which domains may carry data in DNS names?
-- Registrable domains with many different names below them, long ones or with much entropy, as DNS tunnels ask for. The domain is
-- null for names without one, whose top-level domain cannot exist: some tunnels ask a server for such names directly.
-- technique: T1071.004, T1048.003, T1572
-- param min_names: integer = 20  -- Least number of different names.
-- param min_length: number = 18  -- Least mean length of the part below the domain.
-- param min_entropy: number = 2.5  -- Least mean entropy of that part, bits for each character.
WITH asked AS (
    SELECT capture, src_ip, dst_ip, ts, rtrim(lower(query_name), '.') AS name,
        CASE WHEN regexp_matches(rtrim(query_name, '.'), '(^|[.])([A-Za-z]{2,24}|xn--[A-Za-z0-9-]+)$')
            THEN rtrim(registrable_domain(query_name), '.') END AS domain
    FROM dns
    WHERE NOT response AND query_name IS NOT NULL AND dst_port NOT IN (5353, 5355)
), below AS (
    SELECT *, replace(CASE WHEN domain IS NULL THEN name ELSE left(name, length(name) - length(domain)) END, '.', '') AS label
    FROM asked
    WHERE NOT coalesce(ends_with(domain, '.arpa'), false) AND coalesce(domain, '') <> 'arpa'
), different AS (
    SELECT capture, src_ip, domain, name, any_value(label) AS label, count(*) AS queries, list(DISTINCT dst_ip) AS servers,
        min(ts) AS first_seen, max(ts) AS last_seen
    FROM below
    WHERE label <> ''
    GROUP BY ALL
)
SELECT
    capture,
    src_ip AS client,
    domain,
    list_slice(list_sort(list_distinct(flatten(list(servers)))), 1, 10) AS servers,
    count(*) AS names,
    sum(queries)::BIGINT AS queries,
    sum(length(label))::BIGINT AS characters,
    round(avg(length(label)), 1) AS mean_length,
    round(avg(entropy(label)), 2) AS mean_entropy,
    min(name) AS example,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM different
GROUP BY capture, client, domain
HAVING names >= $min_names AND avg(length(label)) >= $min_length AND avg(entropy(label)) >= $min_entropy
ORDER BY names DESC, client, domain, capture
