"""The values of the column `fault`, with their meaning, and the codes that arrays use for them.

`cut` is caused by the capture (snaplen) and is counted separately; the others are caused by the sender or the network.
A row has the first fault that was found in it.
"""

FAULTS: dict[str, str] = {
    "cut": "The capture does not contain all bytes of the message.",
    "short_header": "The message ends before the end of its header.",
    "bad_length": "A length field does not fit the number of bytes.",
    "bad_version": "The version is not one of the protocol.",
    "bad_value": "A field has a value that the protocol forbids.",
    "bad_options": "The options or extensions cannot be read to their end.",
    "bad_name": "A name is malformed: a loop, a forward pointer, or too long.",
    "overlap": "Fragments overlap with different bytes.",
    "too_deep": "More headers are nested than netlake decodes.",
    "too_large": "It has more items or bytes than netlake stores.",
    "out_of_range": "A number does not fit its column.",
    "reader_failed": "The reader failed on it: a bug in netlake or a plugin, not an error of the sender.",
}

NAMES: tuple[str | None, ...] = (None, *FAULTS)
CODES: dict[str, int] = {name: code for code, name in enumerate(FAULTS, 1)}

CUT = CODES["cut"]
SHORT_HEADER = CODES["short_header"]
BAD_LENGTH = CODES["bad_length"]
BAD_VERSION = CODES["bad_version"]
BAD_VALUE = CODES["bad_value"]
BAD_OPTIONS = CODES["bad_options"]
BAD_NAME = CODES["bad_name"]
OVERLAP = CODES["overlap"]
TOO_DEEP = CODES["too_deep"]
TOO_LARGE = CODES["too_large"]
OUT_OF_RANGE = CODES["out_of_range"]
READER_FAILED = CODES["reader_failed"]
