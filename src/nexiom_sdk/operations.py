"""What a provider gets, and what it answers: the order, its handle, how far it is and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from pydantic import Field, JsonValue

from nexiom_sdk.errors import Charged
from nexiom_sdk.values import Frozen
from nexiom_sdk.vocabularies import AspectRatio, MediaRole, Mode, Resolution, mode_of


def _nothing() -> None:
    """Nothing stands against the order."""


class DeliveredMedia(Frozen):
    """A reference as an adapter gets it: exactly one of `url` and `data` is set."""

    role: MediaRole
    media_type: str
    url: str | None = Field(default=None, repr=False)
    data: bytes | None = Field(default=None, repr=False)


class VideoSpec(Frozen):
    """A request resolved for one model. Unset means: the provider's own default.

    Args:
        model: The model's id at the provider.
        prompt: What the video shows.
        duration_seconds: Length of the clip.
        resolution: Short side of the picture.
        aspect_ratio: Width to height.
        audio: With sound or silent.
        seed: Seed, if the model knows seeds.
        negative_prompt: What must not appear, if the model knows such a thing.
        media: References in the form the card's `delivery` names.
        options: Settings for this provider, passed on as they are.
    """

    model: str
    prompt: str = Field(repr=False)
    duration_seconds: float | None = None
    resolution: Resolution | None = None
    aspect_ratio: AspectRatio | None = None
    audio: bool | None = None
    seed: int | None = None
    negative_prompt: str | None = Field(default=None, repr=False)
    media: tuple[DeliveredMedia, ...] = ()
    options: Mapping[str, JsonValue] = Field(default_factory=dict)

    @property
    def mode(self) -> Mode:
        """What kind of order this is, by its media."""
        return mode_of(media.role for media in self.media)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Input of `VideoProvider.submit`. Fields may be added in a minor release; none is removed.

    Args:
        spec: What to make.
        idempotency_key: `{job_id}.{order_no}`; the same order always carries the same key. It is also the client
            reference under which a provider with `submission_recovery = "lookup"` must be able to find the order.
        callback_url: Where the provider may call back; set for adapters that can read callbacks. It is a secret.
        before_order: For adapters that make free calls before the one that costs, such as uploads: called right before
            that one, and raises where it must not be made any more. `HttpProvider` calls it.
    """

    spec: VideoSpec
    idempotency_key: str
    callback_url: str | None = field(default=None, repr=False)
    before_order: Callable[[], None] = field(default=_nothing, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A provider's handle of a running generation: JSON-safe, kept in the job row, opaque to the engine.

    Args:
        id: The provider's id of the order.
        state: What the adapter needs again when it polls. No secrets: it is stored. `callback` is True where the
            provider was given `Submission.callback_url`: then looks are rarer.
        warnings: What the provider ignored or changed.
    """

    id: str
    state: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One result at the provider: an address or the bytes themselves.

    Args:
        url: Where it can be fetched; may be signed, so it is never logged or stored with its query.
        data: The bytes, from providers that answer with the file.
        media_type: What the provider says it is; the file is checked by its content.
        needs_auth: Whether fetching needs the provider's key.
        expires_at: When the address stops working.
    """

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    media_type: str = "video/mp4"
    needs_auth: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Not finished.

    Args:
        queued: True while the provider has not begun.
        progress: 0 to 1, where the provider tells.
        poll_after_seconds: When the provider wants to be asked again.
    """

    queued: bool = False
    progress: float | None = None
    poll_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """Finished, with at least one asset.

    Args:
        assets: The results.
        cost_usd: What the provider says it charged.
        detail: The provider's own units and figures, for the record; no secrets.
        warnings: What the provider ignored or changed.
    """

    assets: tuple[Asset, ...]
    cost_usd: Decimal | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Ended without a video.

    Args:
        code: One of `errors.FAILURE_CODES`, such as content_rejected.
        message: The provider's reason, in a sentence.
        charged: Whether the provider charges for it; None where the class of the code knows.
        cost_usd: What the provider says it charged.
        lost: The provider knows no such order, any more or at all.
        detail: What it charged in the provider's own units, for the record; no secrets.
    """

    code: str
    message: str
    charged: Charged | None = None
    cost_usd: Decimal | None = None
    lost: bool = False
    detail: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Ended because somebody cancelled it.

    Args:
        reason: The provider's words.
        charged: Whether the provider charges for it; None where it does not say.
        cost_usd: What the provider says it charged.
        detail: The same in the provider's own units, for the record; no secrets.
    """

    reason: str = ""
    charged: Charged | None = None
    cost_usd: Decimal | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


Poll: TypeAlias = Running | Succeeded | Failed | Cancelled
