-- Which DHCP options do clients ask for that no server hands out?
-- Codes of the parameter request lists (option 55) that no answer of the capture has, with the clients that asked.
-- param inform: boolean = false  -- Only those of Inform messages.
WITH asked AS (
    SELECT DISTINCT capture, client_mac, TRY_CAST(unnest(string_split(fingerprint, ',')) AS INTEGER) AS code
    FROM dhcpv4
    WHERE operation = 1 AND fingerprint IS NOT NULL AND (NOT $inform OR message_type = 8)
), given AS (
    SELECT DISTINCT capture, unnest(options).code AS code
    FROM dhcpv4
    WHERE operation = 2
)
SELECT
    asked.capture,
    asked.code,
    dhcp_option_name(asked.code) AS name,
    count(DISTINCT asked.client_mac) AS clients
FROM asked
ANTI JOIN given ON given.capture = asked.capture AND given.code = asked.code
WHERE asked.code IS NOT NULL
GROUP BY ALL
ORDER BY asked.code, asked.capture
