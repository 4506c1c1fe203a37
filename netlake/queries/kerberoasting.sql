-- Which clients asked for many Kerberos tickets with weak encryption?
-- Clients with service tickets in RC4 or DES for several services, whose passwords can then be guessed offline.
-- Only tickets over UDP: Kerberos over TCP, by which large tickets are sent, is not decoded.
-- technique: T1558.003
-- param min_services: integer = 3  -- Least number of services.
SELECT
    capture,
    dst_ip AS client,
    max(client_name) AS "user",
    count(DISTINCT service_name) AS services,
    list_slice(list_sort(list(DISTINCT service_name)), 1, 10) AS some_services,
    count(*) AS tickets,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM kerberos
WHERE message_type = 13 AND ticket_encryption_type IN (1, 2, 3, 23, 24) AND NOT starts_with(lower(service_name), 'krbtgt')
GROUP BY capture, client
HAVING services >= $min_services
ORDER BY services DESC, client, capture
