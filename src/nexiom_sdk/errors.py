"""Every error of the library: what happened, whether money was spent, what to do next.

```
NexiomError                   code · charged · next_step · cause · job_id
├── ConfigurationError        the set-up is wrong
│   ├── MissingCredentials    no key for any provider that fits
│   ├── UnknownProvider       no provider of that name is installed
│   ├── PluginError           somebody's provider, repository or store broke
│   └── InvalidPolicy         the policy file cannot be used
├── RequestError              the order cannot be taken as it is; nothing was sent
│   ├── UnsupportedFeature    the chosen model does not offer what was asked
│   ├── NoCandidate           no model fits the request
│   ├── BudgetExceeded        a budget would be exceeded
│   └── IdempotencyConflict   one client key, two different requests
├── ProviderError             retryable · fallback · provider · model · status · provider_code · request_id
│   ├── AuthenticationFailed  no retry · elsewhere
│   ├── QuotaExhausted        no retry · elsewhere
│   ├── RateLimited           retry · elsewhere after retries
│   ├── ProviderUnavailable   retry · elsewhere after retries
│   │   └── ProviderBusy      its calls take long, so this one was not made · never elsewhere
│   ├── ContentRejected       final
│   ├── InvalidInput          final (also a RequestError and a ValueError: we find most of them ourselves)
│   ├── SubmissionUncertain   final until a person decides
│   ├── MalformedResponse     polls go on · never elsewhere
│   ├── ModelRetired          no retry · elsewhere
│   ├── GenerationFailed      final here · the policy decides about elsewhere
│   ├── ResultExpired         final
│   ├── ResultInvalid         the file is not the video it should be
│   ├── ResponseTooLarge      a reply broke its cap
│   ├── UnsafeUrl             an address that must not be opened
│   └── TimedOut              the provider never finished; late success is still collected
├── JobError                  the job as a whole
│   ├── JobNotFound · JobConflict · WaitTimeout (the job goes on) · IllegalTransition
│   ├── JobCancelled
│   └── JobFailed             failed with a code that this version does not know
└── StorageError              rows or bytes could not be read or written
    ├── ObjectNotFound
    └── StorageUnavailable
```

Two questions have their own attributes: `retryable` (may the same provider be asked again) and
`fallback` (may another one be asked). `FAILURE_CODES` maps the `error_code` of a row back to its class, so a job that
failed yesterday in another process raises today what it would have raised then.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypedDict

from typing_extensions import Unpack

if TYPE_CHECKING:
    from nexiom_sdk.jobs import GenerationJob
    from nexiom_sdk.types import Choice

Charged = Literal["no", "unknown", "yes"]

_MONEY: Mapping[str, str] = {
    "no": "Nothing was charged.",
    "unknown": "It is not known whether the provider charged for it.",
    "yes": "The provider has probably charged for it.",
}


class Facts(TypedDict, total=False):
    """What every error may be told besides its message."""

    next_step: str
    charged: Charged | None
    job_id: str | None


class NexiomError(Exception):
    """Something this library reports went wrong.

    Args:
        message: What happened, in one or two plain sentences.
        next_step: What the reader should do; the class has a default.
        charged: Whether money was spent; the class has a default, None where the question does not arise.
        job_id: The job this is about, if there is one.

    Example:
        >>> from nexiom_sdk.errors import JobNotFound
        >>> print(JobNotFound("No job 'a1'."))
        No job 'a1'. Check the id; `nexiom jobs list` shows the jobs of this database.
    """

    code: ClassVar[str] = "error"
    default_next_step: ClassVar[str] = (
        "Read the message above; if it is not clear, report it as a defect of nexiom_sdk."
    )
    default_charged: ClassVar[Charged | None] = None
    retryable: ClassVar[bool] = False
    fallback: ClassVar[bool] = False

    message: str
    next_step: str
    charged: Charged | None
    job_id: str | None

    def __init__(self, message: str = "", /, **facts: Unpack[Facts]) -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.next_step = facts.get("next_step", self.default_next_step)
        self.charged = facts.get("charged", self.default_charged)
        self.job_id = facts.get("job_id")
        super().__init__(self.message)

    @property
    def cause(self) -> str:
        """The error underneath, in words; empty where the message is the whole story."""
        return f"{type(self.__cause__).__name__}: {self.__cause__}" if self.__cause__ else ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, in_words_of_money(self.charged), self.next_step) if part)


def in_words_of_money(charged: Charged | None) -> str:
    """Whether money was spent, as a sentence; empty where the question does not arise.

    Example:
        >>> in_words_of_money("no"), in_words_of_money(None)
        ('Nothing was charged.', '')
    """
    return _MONEY.get(charged or "", "")


class ConfigurationError(NexiomError):
    """The library is not set up for this."""

    code = "configuration"
    default_next_step = "Correct the setting that the message names."


class MissingCredentials(ConfigurationError):
    """No key for any provider that fits."""

    code = "missing_credentials"
    default_next_step = 'Set one of the variables named, or pass provider="local" for a preview made on this machine.'


class UnknownProvider(ConfigurationError):
    """No provider of that name is installed."""

    code = "unknown_provider"
    default_next_step = "Check the spelling, or install the package that brings this provider."


class PluginError(ConfigurationError):
    """A plug-in could not be loaded, or raised something it should not."""

    code = "plugin_error"
    default_next_step = "Report it to the authors of the plug-in named; the other providers keep working."


class InvalidPolicy(ConfigurationError):
    """The policy cannot be used."""

    code = "invalid_policy"
    default_next_step = "Correct the policy file at the place named."


class RequestError(NexiomError):
    """The request cannot be carried out as it is."""

    code = "request"
    default_charged: ClassVar[Charged | None] = "no"
    default_next_step = "Change the request."


class UnsupportedFeature(RequestError):
    """The model does not offer what was asked."""

    code = "unsupported_feature"
    default_next_step = "Ask for one of the values named, or choose another model."

    def __init__(self, message: str = "", /, *, reasons: tuple[str, ...] = (), **facts: Unpack[Facts]) -> None:
        self.reasons = reasons
        super().__init__(message, **facts)


class NoCandidate(RequestError):
    """No model fits the request."""

    code = "no_candidate"
    default_next_step = "Change what the reasons name; `nexiom estimate` shows them for any request."

    def __init__(self, message: str = "", /, *, choice: Choice | None = None, **facts: Unpack[Facts]) -> None:
        self.choice = choice
        super().__init__(message, **facts)


class BudgetExceeded(RequestError):
    """The estimate does not fit into a budget."""

    code = "budget_exceeded"
    default_next_step = "Raise the budget, wait for its next period, or ask for a cheaper clip."


class IdempotencyConflict(RequestError):
    """This client key was used for another request."""

    code = "idempotency_conflict"
    default_next_step = "Use a new client_key for a new request."


class ProviderError(NexiomError):
    """A provider refused, failed or answered nonsense.

    Args:
        message: What happened.
        provider: Name of the provider.
        model: The model asked for.
        status: HTTP status, where there was one.
        provider_code: The provider's own word for it.
        request_id: The provider's id of the exchange, for its support.
        retry_after_seconds: How long the provider asks us to wait.
        next_step: What to do.
        charged: Whether money was spent.
        job_id: The job.
    """

    code = "provider"
    default_charged: ClassVar[Charged | None] = "no"
    default_next_step = "Look at the provider's status page and its dashboard."

    def __init__(
        self,
        message: str = "",
        /,
        *,
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        self.provider = provider
        self.model = model
        self.status = status
        self.provider_code = provider_code
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, **facts)


class AuthenticationFailed(ProviderError):
    """The provider does not accept the key."""

    code = "authentication_failed"
    fallback: ClassVar[bool] = True
    default_next_step = "Check the key in the provider's console, and that it may use this model."


class QuotaExhausted(ProviderError):
    """Credit or quota at the provider is used up."""

    code = "quota_exhausted"
    fallback: ClassVar[bool] = True
    default_next_step = "Top up the account at the provider, or choose another provider."


class RateLimited(ProviderError):
    """The provider asks us to slow down."""

    code = "rate_limited"
    retryable: ClassVar[bool] = True
    fallback: ClassVar[bool] = True
    default_next_step = "Wait; the job is sent again when the provider allows it."


class ProviderUnavailable(ProviderError):
    """The provider could not be reached, or cannot work at the moment."""

    code = "provider_unavailable"
    retryable: ClassVar[bool] = True
    fallback: ClassVar[bool] = True
    default_next_step = "Check the network and the provider's status page; the job tries again by itself."


class ProviderBusy(ProviderUnavailable):
    """Other calls to the provider take so long that this one was not made: it says nothing about any order."""

    code = "provider_busy"
    fallback: ClassVar[bool] = False
    default_charged: ClassVar[Charged | None] = None
    default_next_step = "Nothing has to be done; the job tries again by itself."


class ContentRejected(ProviderError):
    """The provider's moderation refused this content."""

    code = "content_rejected"
    default_next_step = "Change the prompt or the reference media; sending the same again will be refused again."


class InvalidInput(RequestError, ProviderError, ValueError):
    """The request is not valid."""

    code = "invalid_input"
    default_next_step = "Correct the value named and try again."


class SubmissionUncertain(ProviderError):
    """The order was sent and its answer was lost."""

    code = "submission_uncertain"
    default_charged: ClassVar[Charged | None] = "unknown"
    default_next_step = (
        "It was not sent again, to avoid paying twice. Look for it at the provider: if it is there, "
        "`nexiom jobs resolve JOB --provider-job-id ID`; if not, `nexiom jobs resubmit JOB`."
    )


class MalformedResponse(ProviderError):
    """The provider's answer could not be read."""

    code = "malformed_response"
    retryable: ClassVar[bool] = True
    default_charged: ClassVar[Charged | None] = "unknown"
    default_next_step = "A proxy or an outage is likely; if it stays, the provider has changed its interface."


class ModelRetired(ProviderError):
    """The provider no longer offers this model."""

    code = "model_retired"
    fallback: ClassVar[bool] = True
    default_next_step = "Choose a living model."


class GenerationFailed(ProviderError):
    """The provider accepted the order and could not make the video."""

    code = "generation_failed"
    default_charged: ClassVar[Charged | None] = "unknown"
    default_next_step = "Look at the provider's bill; `nexiom jobs resubmit JOB` orders it again."


class ResultExpired(ProviderError):
    """The video was made, but its link is no longer served."""

    code = "result_expired"
    default_charged: ClassVar[Charged | None] = "yes"
    default_next_step = "Look for the video in the provider's console; `nexiom jobs resubmit JOB` pays for a new one."


class ResultInvalid(ProviderError):
    """What the provider delivered is not a complete, playable video."""

    code = "result_invalid"
    default_charged: ClassVar[Charged | None] = "yes"
    default_next_step = "Look for the video in the provider's console and ask for a refund; resubmitting costs again."


class ResponseTooLarge(ProviderError):
    """An answer was larger than its cap."""

    code = "response_too_large"
    default_charged: ClassVar[Charged | None] = "unknown"
    default_next_step = "Raise the cap in the settings if such a size is expected."


class UnsafeUrl(ProviderError):
    """An address was refused before it was opened."""

    code = "unsafe_url"
    default_next_step = "Use a public https address."


class TimedOut(ProviderError):
    """The provider did not finish in time."""

    code = "timed_out"
    default_charged: ClassVar[Charged | None] = "unknown"
    default_next_step = "If it still finishes within 24 hours, the video is collected and the job completes by itself."


class JobError(NexiomError):
    """A job cannot do this now."""

    code = "job"


class JobNotFound(JobError):
    """There is no such job."""

    code = "job_not_found"
    default_next_step = "Check the id; `nexiom jobs list` shows the jobs of this database."


class JobConflict(JobError):
    """Somebody else changed the job at the same moment."""

    code = "job_conflict"
    default_next_step = "Read the job again and decide anew."


class WaitTimeout(JobError):
    """The job is still running; waiting for it ended."""

    code = "wait_timeout"
    default_next_step = "The job goes on: wait again, or let a worker finish it."


class IllegalTransition(JobError):
    """A job cannot go from this phase to that one."""

    code = "illegal_transition"
    default_next_step = "Look at the job's phase; the verb used does not apply to it."


class JobCancelled(JobError):
    """The job was cancelled."""

    code = "cancelled"
    default_next_step = "Submit it again if it is still wanted."


class JobFailed(JobError):
    """The job failed."""

    code = "job_failed"
    default_next_step = "`nexiom jobs show JOB` has the whole row."

    def __init__(self, message: str = "", /, *, job: GenerationJob | None = None, **facts: Unpack[Facts]) -> None:
        self.job = job
        super().__init__(message, **facts)


class StorageError(NexiomError):
    """Rows or bytes could not be read or written."""

    code = "storage"


class ObjectNotFound(StorageError):
    """There is no such object in the store."""

    code = "object_not_found"
    default_next_step = "Check the path: it is the key inside the bucket."


class StorageUnavailable(StorageError):
    """The store or the database cannot be used at the moment."""

    code = "store_unavailable"
    retryable: ClassVar[bool] = True
    fallback: ClassVar[bool] = False
    default_next_step = "Mend the cause; jobs stay as they are and go on by themselves."
    unwritten: bool = False  # True: what was to be written certainly was not; False: nobody can tell


FAILURE_CODES: Mapping[str, type[NexiomError]] = MappingProxyType(
    {
        error.code: error
        for error in (
            InvalidInput,
            UnsupportedFeature,
            ContentRejected,
            AuthenticationFailed,
            QuotaExhausted,
            RateLimited,
            ProviderUnavailable,
            SubmissionUncertain,
            MalformedResponse,
            ModelRetired,
            GenerationFailed,
            ResultExpired,
            ResultInvalid,
            UnsafeUrl,
            ResponseTooLarge,
            TimedOut,
            JobCancelled,
            StorageUnavailable,
            BudgetExceeded,
            PluginError,
        )
    }
)


def code_of(error: NexiomError) -> str:
    """The `error_code` to store: always one of `FAILURE_CODES`.

    Args:
        error: What a job failed with.

    Example:
        >>> code_of(ConfigurationError("No key."))
        'authentication_failed'
    """
    if error.code in FAILURE_CODES:
        return error.code
    match error:
        case ConfigurationError():
            return "authentication_failed"
        case RequestError():
            return "invalid_input"
        case StorageError():
            return "store_unavailable"
        case _:
            return "generation_failed"
