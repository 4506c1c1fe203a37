-- Which addresses did a name have, and when?
-- Records of DNS responses for a name and the names below it (passive DNS), over all captures.
-- param name: text  -- Name, such as example.com.
SELECT query, type, answer, ttl, "first" AS first_seen, "last" AS last_seen, responses, client, server
FROM dns_answer
WHERE query = lower(rtrim($name, '.')) OR ends_with(query, '.' || lower(rtrim($name, '.')))
ORDER BY query, type, answer, client, server
