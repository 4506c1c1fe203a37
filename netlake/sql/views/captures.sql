-- One row for each capture in the lake.
-- id: Id of the capture, 16 hexadecimal digits: the column `capture` of all tables.
-- name: Name of the file, without its folders.
-- path: Path of the file as it was given; of several files read as one, one a line.
-- kind: file, stream or live.
-- state: complete, partial (it could not be read to its end), running or failed.
-- packets: Number of packets.
-- begin: Least time of a packet, UTC; null without times.
-- end: Greatest time of a packet, UTC; null without times.
-- seconds: Seconds from begin to end.
-- size: Size of the file, bytes; null for a stream.
-- sha256: SHA-256 of the file; null if it was not computed.
-- sensor: Sensor that recorded it, as its agent reported; null for files.
-- failure: Why it could not be decoded; null unless the state is failed.
-- rows: Rows of each table, as a map.
SELECT id, parse_filename(split_part(path, chr(10), 1)) AS name, path, kind, state, packets, "begin", "end",
    epoch("end" - "begin") AS seconds, size, sha256, sensor, failure,
    from_json(row_counts, '"MAP(VARCHAR, BIGINT)"') AS rows
FROM {captures}
