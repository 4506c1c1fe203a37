"""Community ID of flows: `1:` and the base64 of the SHA-1 digest (RFC 3174) of a message of one block."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u32

WORD = 0xFFFFFFFF
# bytes of a block, of a digest, of the text
BLOCK = 64
DIGEST = 20
TEXT = 30


@kernel()
def rotated(value, by):
    """A 32-bit word rotated left."""
    return (value << by | value >> (32 - by)) & WORD


@kernel()
def digest(block, words, out):
    """Write the SHA-1 digest of a padded block to `out`; `words` is scratch of 80 words."""
    for t in range(16):
        words[t] = u32(block, 4 * t)
    for t in range(16, 80):
        words[t] = rotated(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], np.int64(1))
    a, b, c, d, e = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
    for t in range(80):
        if t < 20:
            chosen, constant = (b & c) | (b ^ WORD) & d, 0x5A827999
        elif t < 40:
            chosen, constant = b ^ c ^ d, 0x6ED9EBA1
        elif t < 60:
            chosen, constant = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
        else:
            chosen, constant = b ^ c ^ d, 0xCA62C1D6
        total = (rotated(a, np.int64(5)) + chosen + e + words[t] + constant) & WORD
        a, b, c, d, e = total, a, rotated(b, np.int64(30)), c, d
    words[0], words[1], words[2], words[3], words[4] = (
        a + 0x67452301, b + 0xEFCDAB89, c + 0x98BADCFE, d + 0x10325476, e + 0xC3D2E1F0,
    )  # fmt: skip
    for i in range(DIGEST):
        out[i] = words[i >> 2] >> (24 - 8 * (i & 3)) & 255


@kernel("void(uint8[:, ::1], uint8[::1], int64[::1], uint8[::1], uint8[:, ::1])")
def community_ids(blocks, alphabet, words, scratch, texts):
    """Write the text of each padded block; `words` is scratch of 80 words, `scratch` of 21 bytes, the last one 0."""
    for i in range(blocks.shape[0]):
        digest(blocks[i], words, scratch)
        text = texts[i]
        text[0], text[1] = ord("1"), ord(":")
        for group in range(7):
            bits = np.int64(scratch[3 * group]) << 16 | np.int64(scratch[3 * group + 1]) << 8 | scratch[3 * group + 2]
            for k in range(4):
                text[2 + 4 * group + k] = alphabet[bits >> (18 - 6 * k) & 63]
        text[TEXT - 1] = ord("=")
