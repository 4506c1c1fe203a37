-- Which clients asked for many names that do not exist in a short time?
-- Intervals with many different names of NXDOMAIN responses to one client.
-- technique: T1568.002, T1590.002
-- param minutes: integer = 5  -- Length of an interval in minutes.
-- param min_names: integer = 20  -- Least number of different names in an interval.
SELECT
    capture,
    dst_ip AS client,
    time_bucket(to_minutes($minutes::INTEGER), ts) AS begin,
    count(DISTINCT lower(query_name)) AS names,
    count(*) AS responses,
    list_slice(list_sort(list(DISTINCT lower(query_name))), 1, 5) AS examples
FROM dns
WHERE response AND rcode = 3 AND ts IS NOT NULL
GROUP BY capture, client, begin
HAVING names >= $min_names
ORDER BY names DESC, begin, client, capture
