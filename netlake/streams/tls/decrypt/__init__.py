"""Decryption of TLS with secrets of a key log: one Decryptor for each flow (netlake.layers.decrypted)."""
