"""What a user asks for: the prompt, the wishes, and the media that go in with it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self, TypedDict

from pydantic import Field, JsonValue, field_validator, model_validator

from nexiom_sdk.google_addresses import names_a_bucket, names_an_object
from nexiom_sdk.values import Frozen
from nexiom_sdk.vocabularies import AspectRatio, Delivery, MediaRole, Mode, QualityTier, Resolution, mode_of

MAX_PROMPT_BYTES = 65_536  # the same bound as the row policy in the database


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
        if self.delivery == "gs" and not names_a_bucket(self.url or ""):
            msg = (
                "A bucket in Google Cloud Storage is called by 3 to 63 small letters, digits, dashes and underscores, "
                "or by several such words with dots between them: gs://my-bucket/folder/fox.png."
            )
            raise ValueError(msg)
        if self.delivery == "gs" and not names_an_object(self.url or ""):
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
