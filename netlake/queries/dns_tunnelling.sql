-- Which domains may carry data in DNS names?
-- Registrable domains with many different names below them, long ones or with much entropy, as DNS tunnels ask for.
-- technique: T1071.004, T1048.003
-- param min_names: integer = 50  -- Least number of different names.
-- param min_length: number = 25  -- Least mean length of the part below the domain.
-- param min_entropy: number = 3  -- Least mean entropy of that part, bits for each character.
WITH asked AS (
    SELECT DISTINCT capture, src_ip, lower(query_name) AS name, registrable_domain(query_name) AS domain
    FROM dns
    WHERE NOT response AND query_name IS NOT NULL
), below AS (
    SELECT *, replace(left(name, length(rtrim(name, '.')) - length(domain)), '.', '') AS label FROM asked WHERE domain IS NOT NULL
)
SELECT
    capture,
    src_ip AS client,
    domain,
    count(*) AS names,
    round(avg(length(label)), 1) AS mean_length,
    round(avg(entropy(label)), 2) AS mean_entropy,
    min(name) AS example
FROM below
WHERE label <> ''
GROUP BY capture, client, domain
HAVING names >= $min_names AND avg(length(label)) >= $min_length AND avg(entropy(label)) >= $min_entropy
ORDER BY names DESC, client, domain, capture
