"""What Supabase Storage means by a refusal, and what is to be done about it.

It answers `{"statusCode": "404", "error": "not_found", "code": "NoSuchKey", "message": "..."}`, mostly with HTTP status
400; older versions have no `code`, and what stands before the service (a gateway, a proxy) answers in its own ways.
"""

from __future__ import annotations

import re

from nexiom_sdk.backends.supabase_json import read_fields
from nexiom_sdk.errors import ObjectNotFound, StorageError
from nexiom_sdk.storage import BUCKETS, unusable
from nexiom_sdk.wording import printable

NO_PROJECT = "Check that NEXIOM_SUPABASE_URL is the address of a project of Supabase"
_LONGEST_COMPLAINT = 200
_NO_OBJECT = {"not_found", "nosuchkey"}
_NO_BUCKET = {"bucket not found", "nosuchbucket"}
_REMEDIES: tuple[tuple[frozenset[str], str], ...] = (  # by what the service calls it, or by the status
    (
        frozenset({"413", "payload too large", "entitytoolarge"}),
        "Raise the limit on file sizes in the project's Storage settings, and that of the bucket '{bucket}'",
    ),
    (
        frozenset({"invalidkey", "invalid key"}),
        "Use names of plain letters, digits, spaces and some signs",
    ),
    (
        frozenset({"415", "invalid_mime_type", "invalidmimetype"}),
        "Allow this media type in the settings of the bucket '{bucket}'",
    ),
    (
        frozenset({"401", "403", "unauthorized", "accessdenied", "invalidjwt"}),
        "Check that NEXIOM_SUPABASE_SECRET_KEY is a secret key (sb_secret_... or service_role) of this project",
    ),
)


def refused(status: int, said: str, *, base_url: str, about: str) -> StorageError:
    """The error for an answer that is not a good one.

    Args:
        status: Of HTTP.
        said: The body, without secrets.
        base_url: Address of the project.
        about: The key or bucket that was asked for.
    """
    body = {name: str(value) for name, value in read_fields(said).items() if isinstance(value, str | int)}
    real = int(body["statusCode"]) if re.fullmatch("[1-5][0-9]{2}", body.get("statusCode", "")) else status
    names = {body[name].lower() for name in ("error", "code") if name in body} | {str(real)}
    words = printable(body.get("message") or said or f"status {status}", _LONGEST_COMPLAINT).rstrip(".")
    if names & _NO_OBJECT:
        return ObjectNotFound(f"There is no object '{about}' in {base_url}.")
    return unusable(base_url, f"it refused '{about}' ({real}): {words}", _remedy(real, names, about.partition("/")[0]))


def _remedy(status: int, names: set[str], bucket: str) -> str:
    if names & _NO_BUCKET:
        return "Make the buckets with `nexiom migrate --apply`" if bucket in BUCKETS else f"Make the bucket '{bucket}'"
    for known, remedy in _REMEDIES:
        if names & known:
            return remedy.format(bucket=bucket)
    if status == 429 or status >= 500:
        return "Wait until the service answers again"
    return NO_PROJECT
