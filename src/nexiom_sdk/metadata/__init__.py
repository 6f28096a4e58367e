"""What a media file says beside its picture and sound, taken out: place, device, author, time, comments, thumbnails.

Nothing is re-encoded: every picture and every sound stays what it was, byte for byte. No other library is needed.
"""

from nexiom_sdk.metadata.copying import without_metadata

__all__ = ["without_metadata"]
