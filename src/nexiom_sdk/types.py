"""The values that travel: what a user asks, what a provider gets, what it answers, what was chosen.

Values that cross a boundary (a user's request, a row, a file) are frozen pydantic models; values that stay inside are
frozen dataclasses. Vocabularies that a user types are `Literal`s. Money is `Decimal` USD, lengths are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias, TypedDict, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from nexiom_sdk.errors import Charged, InvalidInput
from nexiom_sdk.wording import seconds, usd, validation_sentences

QualityTier: TypeAlias = Literal["standard", "cinematic", "ultra_realistic"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]
Resolution: TypeAlias = Literal["360p", "480p", "540p", "720p", "768p", "1080p", "1440p", "2160p"]
MediaRole: TypeAlias = Literal[
    "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio", "source_video"
]
Mode: TypeAlias = Literal["text", "image", "reference", "video"]
Delivery: TypeAlias = Literal["url", "bytes", "gs"]
Container: TypeAlias = Literal["mp4", "webm"]
SubmissionRecovery: TypeAlias = Literal["key", "lookup", "none"]

QUALITY_TIERS: tuple[QualityTier, ...] = get_args(QualityTier)
ASPECT_RATIOS: tuple[AspectRatio, ...] = get_args(AspectRatio)
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)

# As Google documents the names of buckets and objects.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_BUCKET_PART = 63
_LONGEST_OBJECT_BYTES = 1024

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")

MAX_PROMPT_BYTES = 65_536  # the same bound as the row policy in the database

_set = object.__setattr__  # as pydantic sets the fields of a frozen model itself


class Frozen(BaseModel):
    """Base of the values that cross a boundary: frozen, closed, and it answers nonsense with `InvalidInput`."""

    # Built on first use: most programs need a few of these classes, and importing them all should cost little.
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    if not TYPE_CHECKING:  # type checkers keep the signature that pydantic derives from the fields

        def __init__(self, /, **fields: object) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise InvalidInput(validation_sentences(error)) from error

    @classmethod
    def of_checked(cls, fields: dict[str, object]) -> Self:
        """A value of fields that were checked before: all of them, each of its type; the caller vouches for that.

        It takes a third of the time, for places where many values are put together from others.

        Args:
            fields: The fields; the value keeps the dictionary for itself.
        """
        return cls._put_together(fields, set(fields), None)

    def evolve(self, **changes: object) -> Self:
        """A copy with some fields changed; the caller vouches for their types."""
        private = None if self.__pydantic_private__ is None else {**self.__pydantic_private__}
        return self._put_together({**self.__dict__, **changes}, self.model_fields_set | changes.keys(), private)

    @classmethod
    def _put_together(cls, fields: dict[str, object], given: set[str], private: dict[str, object] | None) -> Self:
        value = cls.__new__(cls)
        _set(value, "__dict__", fields)
        _set(value, "__pydantic_fields_set__", given)
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", private)
        return value


class Media(Frozen):
    """A picture, clip or sound that goes in with the prompt, from exactly one place.

    Args:
        role: What it is for.
        input_path: Key in the bucket `inputs`, as a front end uploads it.
        file: A file on this machine, below one of `Settings.media_roots`.
        data: The bytes themselves.
        url: An https address. Passed on unopened to models that take addresses; for the others it is fetched when the
            job is submitted, and kept as bytes are. An object in Google Cloud Storage (`gs://bucket/object`) is passed
            on to models that read it there themselves, and to no other.
        fit: A picture that the model would not take as it is may be cropped, scaled and saved anew for it; the job's
            warnings say what was done. A picture behind an https address is fetched for that, whatever the model takes.

    Raises:
        InvalidInput: Not exactly one place is named, an address cannot be one, or what shall be fitted is no picture.

    Example:
        >>> from nexiom_sdk import Media
        >>> Media.from_input("u1/fox.png").role
        'first_frame'
    """

    role: MediaRole = "first_frame"
    input_path: str | None = None
    file: Path | None = None
    data: bytes | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)  # it may be signed
    fit: bool = False

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        places = (self.input_path, self.file, self.data, self.url)
        if sum(place is not None for place in places) != 1:
            msg = "Media comes from exactly one of input_path, file, data and url."
            raise ValueError(msg)
        if self.url is not None and not self.url.startswith(("https://", "gs://")):
            msg = "The address of a reference must begin with https://, or with gs:// for Google Cloud Storage."
            raise ValueError(msg)
        if self.delivery == "gs" and not _names_a_bucket(self.url or ""):
            msg = (
                "A bucket in Google Cloud Storage is called by 3 to 63 small letters, digits, dashes and underscores, "
                "or by several such words with dots between them: gs://my-bucket/folder/fox.png."
            )
            raise ValueError(msg)
        if self.delivery == "gs" and not _names_an_object(self.url or ""):
            msg = "An address in Google Cloud Storage names a bucket and an object in it: gs://bucket/folder/fox.png."
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _only_pictures_are_fitted(self) -> Self:
        if self.fit and not self.role.endswith(("_frame", "_image")):
            msg = (
                "Only pictures can be fitted: a video or a sound has to be cut and converted before it is handed over."
            )
            raise ValueError(msg)
        if self.fit and self.delivery == "gs":
            msg = "A picture in Google Cloud Storage cannot be fitted, because nobody opens it on its way to the model."
            raise ValueError(msg)
        return self

    @property
    def delivery(self) -> Delivery:
        """The form in which a provider would get it if nobody opened it on the way."""
        if self.url is None:
            return "bytes"
        return "gs" if self.url.startswith("gs://") else "url"

    @property
    def is_kept(self) -> bool:
        """Whether the bucket `inputs` holds it once it is submitted; the others are addresses that pass unopened."""
        return self.url is None or self.fit

    @classmethod
    def from_input(cls, path: str, *, role: MediaRole = "first_frame", fit: bool = False) -> Self:
        """Media that is already in the bucket `inputs`, by its key there."""
        return cls(input_path=path, role=role, fit=fit)

    @classmethod
    def from_file(cls, file: str | Path, *, role: MediaRole = "first_frame", fit: bool = False) -> Self:
        """A file on this machine; it is copied into `inputs` when the job is submitted."""
        return cls(file=Path(file), role=role, fit=fit)

    @classmethod
    def from_bytes(cls, data: bytes, *, role: MediaRole = "first_frame", fit: bool = False) -> Self:
        """Bytes in memory; they are copied into `inputs` when the job is submitted."""
        return cls(data=data, role=role, fit=fit)

    @classmethod
    def from_url(cls, url: str, *, role: MediaRole = "first_frame", fit: bool = False) -> Self:
        """A public https address; a model that takes no addresses gets the bytes that are there at this moment.

        Or a `gs://` address, for models that read Google Cloud Storage themselves.
        """
        return cls(url=url, role=role, fit=fit)


def _names_a_bucket(address: str) -> bool:
    """Whether the bucket of a `gs://` address is called as Google lets it be; none at all is told otherwise."""
    bucket = address.removeprefix("gs://").partition("/")[0]
    parts_fit = all(len(part) <= _LONGEST_BUCKET_PART for part in bucket.split("."))
    return not bucket or (_BUCKET.fullmatch(bucket) is not None and parts_fit)


def _names_an_object(address: str) -> bool:
    """Whether a `gs://` address has a bucket, and an object as Google lets it be called."""
    bucket, _, name = address.removeprefix("gs://").partition("/")
    return (
        bool(bucket)
        and 0 < len(name.encode("utf-8", "replace")) <= _LONGEST_OBJECT_BYTES
        and name not in {".", ".."}
        and name.isprintable()
    )


class VideoRequest(Frozen):
    """What a user asks for. Everything but the prompt may be left to the tier.

    Args:
        prompt: What the video shows; 1 to 65,536 bytes of UTF-8.
        quality_tier: standard, cinematic or ultra_realistic; the policy has a default.
        duration_seconds: Length of the clip.
        provider: Use this provider and no other.
        model: Use this model and no other: its id at the provider, or `provider/model`.
        resolution: Short side of the picture, such as 720p.
        aspect_ratio: Width to height, such as 16:9.
        audio: True: with sound, False: silent, None: as the tier says.
        seed: For models that repeat themselves on demand.
        negative_prompt: What must not appear, for models that know such a thing.
        media: References, each with its role.
        reference_media_path: One reference by its key in the bucket `inputs`; it is used as the first frame.
        max_cost_usd: Refuse before submitting if the estimate is above this, or unknown.
        options: Settings of one provider, by provider name; passed on as they are.
        strict: False takes the nearest value a model offers instead of refusing, and says so in the choice.

    Raises:
        InvalidInput: A value is impossible. It is also a `ValueError`.

    Example:
        >>> from nexiom_sdk import VideoRequest
        >>> VideoRequest(prompt="a fox in snow", quality_tier="cinematic", duration_seconds=8).duration_seconds
        8.0
    """

    prompt: str
    quality_tier: QualityTier | None = None
    duration_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False, strict=True)] | None = None
    provider: str | None = None
    model: str | None = None
    resolution: Resolution | None = None
    aspect_ratio: AspectRatio | None = None
    audio: bool | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    negative_prompt: str | None = None
    media: tuple[Media, ...] = ()
    reference_media_path: str | None = None
    max_cost_usd: Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    options: Mapping[str, Mapping[str, JsonValue]] = Field(default_factory=dict)
    strict: bool = True

    @field_validator("prompt")
    @classmethod
    def _prompt_is_text(cls, prompt: str) -> str:
        if not prompt.strip():
            msg = "The prompt is empty."
        elif "\0" in prompt:
            msg = "The prompt contains a NUL character."
        elif (size := len(prompt.encode("utf-8", "surrogatepass"))) > MAX_PROMPT_BYTES:
            msg = f"The prompt has {size:,} bytes; {MAX_PROMPT_BYTES:,} are allowed."
        elif any("\ud800" <= character <= "\udfff" for character in prompt):
            msg = "The prompt is not valid Unicode: it contains half of a surrogate pair."
        else:
            return prompt
        raise ValueError(msg)

    @property
    def references(self) -> tuple[Media, ...]:
        """All media in order, `reference_media_path` among them as the first frame."""
        if self.reference_media_path is None:
            return self.media
        return (Media.from_input(self.reference_media_path), *self.media)

    @property
    def roles(self) -> tuple[MediaRole, ...]:
        """The role of each reference."""
        return tuple(media.role for media in self.references)

    @property
    def mode(self) -> Mode:
        """What kind of order this is, by its media: text, image, reference or video."""
        return mode_of(self.roles)


class RequestFields(TypedDict, total=False):
    """The fields of `VideoRequest` besides the prompt, for verbs that take them as keywords."""

    quality_tier: QualityTier | None
    duration_seconds: float | None
    provider: str | None
    model: str | None
    resolution: Resolution | None
    aspect_ratio: AspectRatio | None
    audio: bool | None
    seed: int | None
    negative_prompt: str | None
    media: tuple[Media, ...]
    reference_media_path: str | None
    max_cost_usd: Decimal | None
    options: Mapping[str, Mapping[str, JsonValue]]
    strict: bool


def mode_of(roles: Iterable[MediaRole]) -> Mode:
    """The mode that media of these roles make.

    Example:
        >>> mode_of([]), mode_of(["first_frame", "reference_image"])
        ('text', 'reference')
    """
    modes = {_MODE_OF_ROLE[role] for role in roles}
    if not modes:
        return "text"
    ranked: tuple[Mode, ...] = ("video", "reference", "image")
    return next(mode for mode in ranked if mode in modes)


_MODE_OF_ROLE: Mapping[MediaRole, Mode] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "reference",
    "reference_video": "reference",
    "reference_audio": "reference",
    "source_video": "video",
}


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


class VideoProbe(Frozen):
    """What a video file really is, read from the file itself.

    Args:
        container: mp4 or webm.
        width: Width of the picture as shown, in pixels.
        height: Height of the picture as shown, in pixels.
        duration_seconds: Length.
        has_audio: Whether there is a sound track.
        video_codec: Code of the video track, such as avc1.
        frames_per_second: Mean frame rate, where the file tells.
        comment: The file's own comment; previews say there that they are previews.
        decoded: Whether the file was really played to its end, not only its structure checked.
        audio_codec: Code of the sound track, such as mp4a.
        provenance: Whether a C2PA manifest is in the file: its maker's signed record of how it was made. Its signature
            is not checked.
    """

    container: Container
    width: int
    height: int
    duration_seconds: float
    has_audio: bool
    video_codec: str | None = None
    frames_per_second: float | None = None
    comment: str | None = None
    decoded: bool = False
    audio_codec: str | None = None
    provenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Input of `VideoProvider.submit`. Fields may be added in a minor release; none is removed.

    Args:
        spec: What to make.
        idempotency_key: `{job_id}.{order_no}`; the same order always carries the same key. It is also the client
            reference under which a provider with `submission_recovery = "lookup"` must be able to find the order.
        callback_url: Where the provider may call back; set for adapters that can read callbacks. It is a secret.
    """

    spec: VideoSpec
    idempotency_key: str
    callback_url: str | None = field(default=None, repr=False)


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


class Candidate(Frozen):
    """A model that fits a request, with what would be sent to it.

    Args:
        provider: Name of the provider.
        model: The model's id there.
        weight: Its weight in the policy; 0 for models chosen by name.
        why: The policy's reason.
        mode: Kind of order: text, image, reference or video.
        duration_seconds: Length that will be asked for.
        resolution: Resolution that will be asked for.
        aspect_ratio: Ratio that will be asked for.
        audio: Sound that will be asked for.
        seed: Seed that will be asked for.
        negative_prompt: Whether the negative prompt is passed on.
        estimated_cost_usd: Price by the card; None where it is not known.
        priced_on: Date of the price.
        warnings: What differs from the request, or will soon.
        tier: The tier that it counts to.
        rules: Rules of the policy that moved or added it.
    """

    provider: str
    model: str
    weight: int = 0
    why: str = ""
    tier: QualityTier | None = None
    rules: tuple[str, ...] = ()
    mode: Mode = "text"
    duration_seconds: float | None = None
    resolution: Resolution | None = None
    aspect_ratio: AspectRatio | None = None
    audio: bool | None = None
    seed: int | None = None
    negative_prompt: bool = False
    estimated_cost_usd: Decimal | None = None
    priced_on: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    def warned(self, more: Iterable[str]) -> Candidate:
        """The same with more warnings."""
        return self.evolve(warnings=tuple(dict.fromkeys((*self.warnings, *more))))

    @property
    def price_date(self) -> str:
        """The date at the beginning of `priced_on`, to the day or the month; empty where there is none."""
        found = _DATE.match(self.priced_on)
        return found[0] if found else ""


WHOLE_TIER = "policy"
"""Stands for the provider in a rejection of a whole tier, whose name is the model then."""
ANY_PROVIDER = "any"
"""Stands for the provider in a rejection of a model that is named without one and that nobody is known to have."""


class Rejection(Frozen):
    """A model that does not fit, and every reason why; or a tier, or a name, of which no model comes into question."""

    provider: str
    model: str
    reasons: tuple[str, ...]

    @property
    def target(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class Choice(Frozen):
    """A selection with its reasons, kept in the job row for ever.

    Args:
        tier: The tier that was applied; None when provider or model were named.
        ranked: The models that fit, best first; the first one is used, the others are for failover.
        rejected: The models that do not fit, with reasons.
        policy_version: Version of the policy that chose.

    Example:
        >>> from nexiom_sdk.types import Candidate, Choice
        >>> print(Choice(ranked=(Candidate(provider="acme", model="a1", why="best"),), policy_version="3").explain())
        chosen   acme/a1 · price unknown: best
    """

    tier: QualityTier | None = None
    ranked: tuple[Candidate, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    policy_version: str = ""

    @property
    def chosen(self) -> Candidate | None:
        """The model that is used, or None when none fits."""
        return self.ranked[0] if self.ranked else None

    @property
    def provider(self) -> str | None:
        """Provider of the chosen model."""
        return self.chosen.provider if self.chosen else None

    @property
    def model(self) -> str | None:
        """Id of the chosen model."""
        return self.chosen.model if self.chosen else None

    @property
    def estimated_cost_usd(self) -> Decimal | None:
        """Estimated price of the chosen model; None where it is not known."""
        return self.chosen.estimated_cost_usd if self.chosen else None

    def explain(self) -> str:
        """The selection in lines a person can read: chosen, then spare models, then dropped ones with reasons.

        Example:
            >>> from nexiom_sdk.types import Candidate, Choice
            >>> dear = Candidate(
            ...     provider="acme",
            ...     model="a1",
            ...     estimated_cost_usd=Decimal("0.40"),
            ...     priced_on="2026-10-09: price page",
            ...     rules=("long_over_10",),
            ... )
            >>> print(Choice(ranked=(dear,)).explain())
            chosen   acme/a1 · $0.40 (2026-10-09) · rule long_over_10
        """
        lines = [
            " · ".join(filter(None, (f"{label:8} {one.target}", *_terms(one)))) + (f": {one.why}" if one.why else "")
            for label, one in zip(("chosen", *["spare"] * len(self.ranked)), self.ranked, strict=False)
        ]
        lines += [f"{'':8} warning: {warning}" for warning in (self.chosen.warnings if self.chosen else ())]
        lines += [f"{'dropped':8} {one.target}: {'; '.join(one.reasons)}" for one in self.rejected]
        return "\n".join(lines) or "no model is known"


def _terms(one: Candidate) -> tuple[str, ...]:
    price, day = one.estimated_cost_usd, one.price_date
    return (
        seconds(one.duration_seconds) if one.duration_seconds else "",
        one.resolution or "",
        one.aspect_ratio or "",
        "" if one.audio is None else ("sound" if one.audio else "silent"),
        "price unknown" if price is None else usd(price) + (f" ({day})" if day else ""),
        *(f"rule {name}" for name in one.rules),
    )
