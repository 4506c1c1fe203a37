-- Which clients asked for names that look generated?
-- Clients with several domains whose longest label has much entropy and few vowels and that do not exist, as malware
-- with a domain generation algorithm (DGA) asks for.
-- technique: T1568.002
-- param min_domains: integer = 5  -- Least number of such domains.
-- param min_length: integer = 10  -- Least length of the label.
-- param min_entropy: number = 3  -- Least entropy of the label, bits for each character.
WITH failed AS (
    SELECT DISTINCT capture, dst_ip AS client, registrable_domain(query_name) AS domain
    FROM dns
    WHERE response AND rcode = 3 AND query_name IS NOT NULL
), labelled AS (
    SELECT *, split_part(domain, '.', 1) AS label FROM failed WHERE domain IS NOT NULL
)
SELECT
    capture,
    client,
    count(*) AS domains,
    round(avg(entropy(label)), 2) AS mean_entropy,
    list_slice(list_sort(list(domain)), 1, 5) AS examples
FROM labelled
WHERE length(label) >= $min_length AND entropy(label) >= $min_entropy
    AND (length(regexp_replace(label, '[^aeiou]', '', 'g')) < 0.3 * length(label))
GROUP BY capture, client
HAVING domains >= $min_domains
ORDER BY domains DESC, client, capture
