-- Shannon entropy in bits of the characters of a text, or of the bytes of a blob; 0 if it is empty. It replaces DuckDB's
-- aggregate over rows of this name: write list_entropy(list(column)) for that.
-- example: entropy('aabb') = 1
CREATE MACRO entropy(value) AS CASE
    WHEN value IS NULL THEN NULL
    WHEN typeof(value) = 'BLOB' THEN list_entropy(regexp_extract_all(hex(value), '..'))
    ELSE list_entropy(regexp_extract_all(value::VARCHAR, '(?s).'))
END;

-- The byte at offset `start` (from 0) of a blob; null beyond its end.
-- example: u8('\x01\xFF'::BLOB, 1) = 255
CREATE MACRO u8(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 1 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 1)) AS INTEGER)
END;

-- The unsigned number of 16 bits, most significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u16be('\x01\x02'::BLOB, 0) = 258
CREATE MACRO u16be(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 2 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 2)) AS INTEGER)
END;

-- The unsigned number of 16 bits, least significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u16le('\x01\x02'::BLOB, 0) = 513
CREATE MACRO u16le(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 2 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 2, start::BIGINT + 2)) || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 1)) AS INTEGER)
END;

-- The unsigned number of 24 bits, most significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u24be('\x00\x01\x02'::BLOB, 0) = 258
CREATE MACRO u24be(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 3 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 3)) AS INTEGER)
END;

-- The unsigned number of 24 bits, least significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u24le('\x00\x01\x02'::BLOB, 0) = 131328
CREATE MACRO u24le(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 3 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 3, start::BIGINT + 3)) || hex(array_slice(data::BLOB, start::BIGINT + 2, start::BIGINT + 2)) || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 1)) AS INTEGER)
END;

-- The unsigned number of 32 bits, most significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u32be('\x00\x01\x02\x03'::BLOB, 0) = 66051
CREATE MACRO u32be(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 4 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 4)) AS BIGINT)
END;

-- The unsigned number of 32 bits, least significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u32le('\x00\x01\x02\x03'::BLOB, 0) = 50462976
CREATE MACRO u32le(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 4 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 4, start::BIGINT + 4)) || hex(array_slice(data::BLOB, start::BIGINT + 3, start::BIGINT + 3)) || hex(array_slice(data::BLOB, start::BIGINT + 2, start::BIGINT + 2)) || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 1)) AS BIGINT)
END;

-- The unsigned number of 64 bits, most significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u64be('\x00\x01\x02\x03\x04\x05\x06\x07'::BLOB, 0) = 283686952306183
CREATE MACRO u64be(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 8 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 8)) AS UBIGINT)
END;

-- The unsigned number of 64 bits, least significant byte first, at offset `start` (from 0) of a blob; null beyond its end.
-- example: u64le('\x00\x01\x02\x03\x04\x05\x06\x07'::BLOB, 0) = 506097522914230528
CREATE MACRO u64le(data, start) AS CASE
    WHEN start BETWEEN 0 AND octet_length(data::BLOB) - 8 THEN TRY_CAST('0x' || hex(array_slice(data::BLOB, start::BIGINT + 8, start::BIGINT + 8)) || hex(array_slice(data::BLOB, start::BIGINT + 7, start::BIGINT + 7)) || hex(array_slice(data::BLOB, start::BIGINT + 6, start::BIGINT + 6)) || hex(array_slice(data::BLOB, start::BIGINT + 5, start::BIGINT + 5)) || hex(array_slice(data::BLOB, start::BIGINT + 4, start::BIGINT + 4)) || hex(array_slice(data::BLOB, start::BIGINT + 3, start::BIGINT + 3)) || hex(array_slice(data::BLOB, start::BIGINT + 2, start::BIGINT + 2)) || hex(array_slice(data::BLOB, start::BIGINT + 1, start::BIGINT + 1)) AS UBIGINT)
END;
