"""What goes to a model in place of what a user handed in: a copy that tells nothing of its maker, and one that fits.

Both are named by what they are made of, so that every process finds and sends the same bytes. What a user uploaded
stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from nexiom_sdk.animations import is_animated
from nexiom_sdk.disk import Threads
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.metadata import without_metadata
from nexiom_sdk.models import ModelCard
from nexiom_sdk.picture_fitting import fit
from nexiom_sdk.picture_shapes import changes
from nexiom_sdk.pixels import video_size
from nexiom_sdk.reference_limits import broken_limits, check_limits, limits_for
from nexiom_sdk.references import MOST_BYTES, Reference, inspect_file, type_of
from nexiom_sdk.resting import at_rest, given_out, resting_place, sha256_of_place, take_in
from nexiom_sdk.storage import ObjectStore, input_key
from nexiom_sdk.types import Candidate, MediaRole
from nexiom_sdk.wording import printable, size

# Both take seconds and much memory or disk for a large file, however many jobs there are.
_LOOKING = Threads("nexiom-looking", most=2)
_FITTING = Threads("nexiom-fitting", most=1)
_FITTED_ENDINGS = ("jpg", "png", "webp")
_NAME_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A reference at rest that a model may get.

    Args:
        place: Its bytes.
        found: What it is.
        sha256: Its hash, in hex.
        changed: Whether its bytes are others than those that were handed in.
        path: Where the bucket `inputs` has it, if it does.
        told: What was done so that it fits, as a sentence; None where nothing was.
    """

    place: BinaryIO
    found: Reference
    sha256: str
    changed: bool
    path: str | None = None
    told: str | None = None


@asynccontextmanager
async def clean_copy(source: BinaryIO, *, role: MediaRole, name: str) -> AsyncGenerator[Copy, None]:
    """A copy without metadata of what was handed in, once it is known to be whole media of its kind.

    Args:
        source: What was handed in.
        role: What it is for.
        name: What to call it in errors.

    Raises:
        InvalidInput: It is something else, or damaged.
        StorageUnavailable: The disk of this machine fails.
    """
    with resting_place() as place:
        found, sha256, changed = await at_rest(_cleaned, source, place, role, name, threads=_LOOKING)
        yield Copy(place=place, found=found, sha256=sha256, changed=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Makes copies fit for one model, and keeps them.

    Args:
        card: The model.
        terms: What it is asked for.
        store: Where bytes live.
    """

    card: ModelCard
    terms: Candidate
    store: ObjectStore

    @asynccontextmanager
    async def fitting(
        self, clean: Copy, *, role: MediaRole, name: str, folder: str, may_change: bool
    ) -> AsyncGenerator[Copy, None]:
        """The copy itself where the model takes it, else one that was made to fit and is kept.

        Args:
            clean: A copy without metadata.
            role: What it is for.
            name: What to call it in errors.
            folder: Folder in `inputs` for what is made.
            may_change: Whether it may be made to fit.

        Raises:
            InvalidInput: The model does not take it, and it may not or cannot be made to fit.
            UnsupportedFeature: The extra `media` is not installed.
            StorageUnavailable: The store cannot be used.
        """
        exactly = self._exactly(clean.found, role)
        if not may_change or not any(broken_limits(clean.found, self.card, role=role, video_size=exactly)):
            check_limits(clean.found, self.card, role=role, name=name, video_size=exactly)
            yield clean
            return
        limits = limits_for(self.card, role)
        recipe = f"{clean.sha256} {limits.model_dump_json()} {exactly}"
        stem = f"{folder}/{hashlib.sha256(recipe.encode()).hexdigest()[:_NAME_DIGITS]}"
        with resting_place() as place:
            path = await self._kept_before(stem)
            if path is None:
                making = partial(fit, clean.place, place, limits, exactly=exactly, name=name)
                await at_rest(making, threads=_FITTING)
            else:
                chunks = self.store.open(input_key(path))
                await take_in(place, chunks, most_bytes=MOST_BYTES["image"])
            found = await at_rest(partial(inspect_file, place, role=role, name=name), threads=_LOOKING)
            check_limits(found, self.card, role=role, name=name, video_size=self._exactly(found, role))
            if path is None:
                path = f"{stem}.{found.extension}"
                await self.store.put(input_key(path), given_out(place), media_type=found.media_type)
            sha256 = await at_rest(sha256_of_place, place, threads=_LOOKING)
            animated = await at_rest(is_animated, clean.place, clean.found.media_type, threads=_LOOKING)
            told = _told(role, name, clean.found, found, animated=animated)
            yield Copy(place=place, found=found, sha256=sha256, changed=True, path=path, told=told)

    async def kept(self, copy: Copy, *, folder: str) -> str:
        """The path in `inputs` of a copy, which is put there where it is not yet.

        Args:
            copy: The copy.
            folder: Folder in `inputs`.

        Raises:
            StorageUnavailable: The store cannot be used.
        """
        if copy.path is not None:
            return copy.path
        path = f"{folder}/{copy.sha256[:_NAME_DIGITS]}.{copy.found.extension}"
        if await self.store.stat(input_key(path)) is None:
            await self.store.put(input_key(path), given_out(copy.place), media_type=copy.found.media_type)
        return path

    async def _kept_before(self, stem: str) -> str | None:
        for path in (f"{stem}.{ending}" for ending in _FITTED_ENDINGS):
            if await self.store.stat(input_key(path)) is not None:
                return path
        return None

    def _exactly(self, found: Reference, role: MediaRole) -> tuple[int, int] | None:
        """The size that a frame must have: that of the video, whose shape may be that of the first frame."""
        if not limits_for(self.card, role).same_size_as_video or not role.endswith("_frame"):
            return None
        own = (found.width, found.height) if role == "first_frame" and found.width and found.height else None
        size = video_size(self.terms.resolution, self.terms.aspect_ratio, own)
        while size is not None and (again := video_size(self.terms.resolution, self.terms.aspect_ratio, size)) != size:
            size = again  # a frame of this size would make another video, for its sides go in steps
        return size


def _cleaned(source: BinaryIO, place: BinaryIO, role: MediaRole, name: str) -> tuple[Reference, str, bool]:
    # Whether it is whole is asked of the copy, from which all is gone that phones and recorders write around it.
    media_type = type_of(source, role=role, name=name)
    source.seek(0)
    try:
        changed = without_metadata(source, place, media_type=media_type)
    except InvalidInput as error:
        msg = f"The reference '{printable(name, 200)}' is damaged or incomplete. {error.message}"
        raise InvalidInput(msg, next_step=error.next_step) from error
    return inspect_file(place, role=role, name=name), sha256_of_place(place), changed


def _told(role: MediaRole, name: str, before: Reference, after: Reference, *, animated: bool) -> str:
    sizes = ((before.width or 0, before.height or 0), (after.width or 0, after.height or 0))
    kind = after.media_type.partition("/")[2].upper()
    done = changes(*sizes)
    if after.media_type != before.media_type:
        done = f"{done}, and saved as {kind}" if done else f"saved as {kind}"
    elif not done:
        done = f"saved anew with {size(after.size_bytes)} instead of {size(before.size_bytes)}"
    done += "; of its moving pictures the first was taken, and it stands still" if animated else ""
    return f"the {role.replace('_', ' ')} '{printable(name, 200)}' was {done}"
