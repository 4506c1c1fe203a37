"""Why a row is not whole: the closed list behind the column `fault`, and what a code in an array means.

`cut` is nobody's fault (the capture did not keep every byte) and is counted apart; the others are the sender's
or the wire's. A row keeps the first fault found in it.
"""

FAULTS: dict[str, str] = {
    "cut": "The capture did not keep all bytes of it.",
    "short_header": "It ends before its header does.",
    "bad_length": "A length in it does not fit the bytes that it has.",
    "bad_version": "Its version is not one that the protocol has.",
    "bad_value": "A field holds a value that the protocol forbids.",
    "bad_options": "Its options or extensions cannot be read to their end.",
    "bad_name": "A name in it is malformed: a loop, a forward pointer, or too long.",
    "overlap": "Its fragments overlap with different bytes.",
    "too_deep": "More headers are nested in it than are followed.",
    "too_large": "It holds more items or bytes than are kept.",
    "out_of_range": "A number in it does not fit its column.",
    "reader_failed": "What reads it failed on it, which is a mistake of the program and not of the sender.",
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
