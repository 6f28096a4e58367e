"""How `nexiom jobs sweep` shows stored files that no job names."""

from __future__ import annotations

from collections.abc import Sequence

from nexiom_sdk.cli.listing import Listing, Row
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.wording import size


def listing_of(found: Sequence[ObjectInfo], *, deleted: bool) -> Listing:
    """The list as it is shown.

    Args:
        found: The files.
        deleted: Whether they are gone.
    """
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    total = f"{files}, {size(sum(one.size_bytes for one in found))}"
    footer = f"{total} removed." if deleted else f"{total}. Remove them with --delete."
    return Listing(
        name="orphan",
        headers=("file", "size", "stored at (UTC)"),
        rows=[
            Row(
                cells=(one.key, size(one.size_bytes), f"{one.modified_at:%Y-%m-%d %H:%M}" if one.modified_at else "-"),
                fields={
                    "key": one.key,
                    "size_bytes": one.size_bytes,
                    "modified_at": one.modified_at.isoformat() if one.modified_at else None,
                    "deleted": deleted,
                },
            )
            for one in found
        ],
        numbers=frozenset({"size"}),
        wide=frozenset({"file"}),
        empty="There is no stored file that its job does not name.",
        footer=footer if found else "",
    )
