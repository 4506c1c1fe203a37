"""Protocols over TCP streams, one module or package for each, with its tables and its STREAMS.

netlake.layers.streamed describes what a module declares. `file` is the table of what streams transferred, whatever the
protocol.
"""
