"""What goes wrong in an object store, in our words.

The words of obstore quote addresses, signatures and what servers say: only the status and the code are taken from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from nexiom_sdk.backends.object_store_address import VARIABLES
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.storage import unusable

Words: TypeAlias = tuple[str, str]

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_ASKED_FOR_KEYS = re.compile(
    r"latest/(?:api|meta-data)|computeMetadata|metadata/identity|token request|AssumeRole|oauth2"
)
_SERVICES: tuple[tuple[str, re.Pattern[str]], ...] = (  # by what obstore calls them, and where it asks for keys
    (VARIABLES["az"], re.compile(r"MicrosoftAzure|metadata/identity|microsoftonline")),
    (VARIABLES["gs"], re.compile(r"\bGCS\b|computeMetadata|googleapis")),
    (VARIABLES["s3"], re.compile(r"\bS3\b|latest/(?:api|meta-data)|AssumeRole")),
)
_REFUSED = frozenset({"400", "401", "403", "404"})

_NO_BUCKET: Words = ("the bucket is not there", "Make it, or correct its name")
_NO_KEYS: Words = ("no keys for it were found", "Set {keys}")
_DENIED: Words = ("access is denied", "Check {keys}, and what these keys may do")
_REGION: Words = ("it is in another region", "Say the right one in the address: ?region=...")
_CLOCK: Words = ("the clock of this machine is wrong", "Set the clock")
_FULL: Words = ("it is full, or takes no objects as large as this", "Make room, or raise its limit")
_BUSY: Words = ("it has too much to do", "Wait")
_SILENT: Words = ("it did not answer in time", "Check the network and the state of the service")
_NAMES: Words = ("the name of an object in it has an empty or a dotted part", "Rename or remove that object")
_AWAY: Words = ("it cannot be reached", "Check the address, the network and its certificate")

_BY_TEXT: tuple[tuple[re.Pattern[str], Words], ...] = (
    (_ASKED_FOR_KEYS, _NO_KEYS),
    (re.compile("redirect without LOCATION"), _REGION),
    (re.compile(r"timed ?out|deadline", re.IGNORECASE), _SILENT),
    (re.compile("HTTP error"), _AWAY),
    (re.compile("invalid path"), _NAMES),
)
_BY_CODE: Mapping[str, Words] = {
    "NoSuchBucket": _NO_BUCKET,
    "ContainerNotFound": _NO_BUCKET,
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": _CLOCK,
    "EntityTooLarge": _FULL,
    "QuotaExceeded": _FULL,
    "SlowDown": _BUSY,
    "ServerBusy": _BUSY,
}
_BY_STATUS: Mapping[int, Words] = {
    301: _REGION,
    307: _REGION,
    401: _DENIED,
    403: _DENIED,
    404: ("what was asked for is not there", "Check the address"),
    408: _SILENT,
    413: _FULL,
    429: _BUSY,
    503: _BUSY,
    507: _FULL,
}


def is_missing(error: Exception) -> bool:
    """Whether an error of obstore says that the object is not there, and not that its bucket is not."""
    code = _CODE.search(str(error))
    return isinstance(error, FileNotFoundError) and (code is None or _BY_CODE.get(code[1]) is not _NO_BUCKET)


def refuses(error: Exception) -> bool:
    """Whether it would be the same next time: the store understood and refused, or there is nothing to sign with."""
    text, status = str(error), _STATUS.search(str(error))
    if isinstance(error, TimeoutError) or (status and status[1] not in _REFUSED):
        return False
    return "HTTP error" not in text or _ASKED_FOR_KEYS.search(text) is not None


def trouble(error: Exception, place: str) -> StorageUnavailable:
    """An error of obstore as ours.

    Args:
        error: What obstore raised, or that time was over.
        place: Where the store is, in words.
    """
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    said = " ".join(found[1] for found in (status, code) if found)
    cause, remedy = _words(error, text, int(status[1]) if status else 0, code[1] if code else "")
    remedy = remedy.format(keys=_keys(text))
    return unusable(place, f"{cause} ({said})" if said else cause, remedy)


def _keys(text: str) -> str:
    """The variables for the keys of the service that was asked."""
    found = (variables for variables, pattern in _SERVICES if pattern.search(text))
    return next(found, "the variables with its keys")


def _words(error: Exception, text: str, status: int, code: str) -> Words:
    by_text = next((words for pattern, words in _BY_TEXT if pattern.search(text)), None)
    if isinstance(error, TimeoutError):
        return _SILENT
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status and by_text is not _NO_KEYS:
        return _BY_STATUS.get(status, ("it answered with an error", "Check the state of the service"))
    return by_text or (f"obstore gave up ({type(error).__name__})", "Check its configuration")
