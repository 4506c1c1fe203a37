"""QUIC with secrets (RFC 9000, RFC 9001, RFC 9369): connections are decrypted, their streams reassembled.

Nothing of this exists without secrets. With them, the datagrams of table `quic` are read twice: by its reader, as ever,
and here.

Theory of operation
- `packets` finds the packets of a datagram; `protection` removes their protection; `frames` reads what is inside.
- `connection` has the keys of one connection. Those of Initial packets follow from the client's first Destination
  Connection ID, all others from the secrets in a key log, which are found by the random value of the ClientHello. Its
  hellos, EncryptedExtensions and certificates are read from CRYPTO frames.
- `streams` puts the data of STREAM frames in order. What it yields are Events, for a protocol over QUIC
  (netlake.streams.http3).
- `talks` finds the connection of a datagram: by flow, and within it by connection IDs.

Decided here
- A packet that is not authentic with any key that it may have is counted, and nothing of it is used. WRONG of them
  before any other end the decryption of a connection, LATER_WRONG in succession too.
- Packets that arrive before the ServerHello wait, at most MOST_PENDING bytes of a connection; so does 0-RTT data, whose
  cipher suite is that of the connection.
- A change of the key phase is followed (RFC 9001 section 6), also if up to SEARCH changes are missing in the capture.
- Packets with a short header have a connection ID without its length: it is one of those that the other end has given
  itself, in its long headers or in NEW_CONNECTION_ID. A connection is followed within one flow.
- Bytes that are missing in a stream are waited for, as long as no more than MOST_WAITING bytes or MOST_PIECES pieces of
  the stream are behind them; then they are a gap.
- Not decrypted: QUIC of Google before it used TLS, drafts before 23, connections whose beginning was not captured.
"""
