"""What the user of an app reads of a failure: what happened, whether it cost money, and what this user can do. Pure.

Commands, environment variables, packages, paths of machines and budgets are for whoever runs the app; they read
`failure` in the row's `provider_metadata`, the log, and the errors that are raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from nexiom_sdk.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ContentRejected,
    GenerationFailed,
    JobCancelled,
    MalformedResponse,
    ModelRetired,
    NexiomError,
    PluginError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestError,
    ResponseTooLarge,
    ResultExpired,
    ResultInvalid,
    StorageError,
    SubmissionUncertain,
    TimedOut,
    UnsafeUrl,
    in_words_of_money,
)
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import printable

_LONGEST_TEXT = 400
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_REQUEST_ID = re.compile(r"\s*request[ _-]?id\b\W*\S+", re.IGNORECASE)
_FOR_OPERATORS = re.compile(
    r"""
      `(?:nexiom|pip3?|pipx|uv|python3?|procrastinate|supabase|gcloud|aws|az|psql|docker|sudo|export|curl|create|alter)\b
    | \bNEXIOM_\w+ | \b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|KEY_ID|SECRET|SECRET_ID|TOKEN|URL|CREDENTIALS)\b
    | \bnexiom(?:_sdk)?\b | \binstall | \bpip\b      # a package
    | (?<![\w:/.<])~?/[\w.~-]+/ | \b[A-Za-z]:\\      # a path on a machine; one in a bucket begins with no slash
    | \bMedia\. | \b[a-z_]\w*\((?!e?s\)) | \b\w+(?:Error|Exception)\b  # Python; but "image(s)" is a plural
    | \b(?i:budgets?|over\ a\ limit)\b               # what its owner pays is no user's business
    """,
    re.VERBOSE,
)


class UserWords(NamedTuple):
    """What the user of an app reads of a job that failed so, without the money.

    Args:
        what: What happened.
        step: What this user can do.
        own: Whether the error's own message and next step are for this user, as far as they are in plain words.
    """

    what: str
    step: str
    own: bool = False


_WORDS: Mapping[type[NexiomError], UserWords] = {
    NexiomError: UserWords(
        "The video could not be made.", "Try again later; if it stays so, tell the people who run this app."
    ),
    PluginError: UserWords("A part of this app does not work as it should.", "Tell the people who run this app."),
    RequestError: UserWords("The request cannot be carried out as it is.", "Change it and try again.", own=True),
    BudgetExceeded: UserWords(
        "This app takes no more orders like this one at present.",
        "Try again later, or ask for a shorter or less expensive video.",
    ),
    AuthenticationFailed: UserWords(
        "This app cannot use the provider that this video needs.",
        "Choose another provider, or tell the people who run this app.",
    ),
    QuotaExhausted: UserWords(
        "The provider takes no more orders of this app at present.", "Try again later, or choose another provider."
    ),
    RateLimited: UserWords("The provider has more to do than it can.", "Try again in a few minutes."),
    ProviderUnavailable: UserWords("The provider cannot be reached, or cannot work at present.", "Try again later."),
    ContentRejected: UserWords(
        "The provider's moderation refused this content.", "Change the prompt or the reference media.", own=True
    ),
    SubmissionUncertain: UserWords(
        "The order was sent and its answer was lost.", "Tell the people who run this app.", own=True
    ),
    MalformedResponse: UserWords(
        "The provider's answer could not be read.", "Ask the people who run this app before you order it again."
    ),
    ModelRetired: UserWords("The provider no longer offers this model.", "Choose another model."),
    GenerationFailed: UserWords(
        "The provider could not make the video.",
        "Change the request, or try again; each try is an order of its own.",
        own=True,
    ),
    ResultExpired: UserWords(
        "The video was made, but it can no longer be fetched.",
        "Ask the people who run this app to look for it; a new order costs again.",
    ),
    ResultInvalid: UserWords(
        "What the provider delivered is not a complete, playable video.",
        "Ask the people who run this app for help; a new order costs again.",
    ),
    ResponseTooLarge: UserWords(
        "What the provider sent is larger than this app takes.", "Ask for a shorter video, or for a lower resolution."
    ),
    UnsafeUrl: UserWords("An address was refused before it was opened.", "Use a public https address.", own=True),
    TimedOut: UserWords(
        "The provider did not finish in time.", "If it still does, the video comes by itself.", own=True
    ),
    JobCancelled: UserWords("The job was cancelled.", "Submit it again if it is still wanted.", own=True),
    StorageError: UserWords(
        "The files or the data of this app cannot be used at present.",
        "Try again later; if it stays so, tell the people who run this app.",
    ),
}


def words_for(error: NexiomError) -> UserWords:
    """The words for errors of its class, or of the nearest class above that has some.

    Example:
        >>> from nexiom_sdk.errors import MissingCredentials
        >>> words_for(MissingCredentials()).what
        'The video could not be made.'
    """
    return next(_WORDS[kind] for kind in type(error).__mro__ if kind in _WORDS)


def told_to_user(error: NexiomError, *, ordered: bool) -> str:
    """The failure in words for the user of an app: a line without control characters, never long.

    What is for operators in an error's own words is left out, sentence by sentence. Only an order of which nobody
    knows whether it was taken keeps its next step as it is, for there is no other way on; of both its texts the first
    line is for its user, and what follows is for operators.

    Args:
        error: What the job failed with.
        ordered: Whether something was ordered, which decides about the money where the error does not.

    Example:
        >>> from nexiom_sdk.errors import InvalidInput, QuotaExhausted
        >>> told_to_user(InvalidInput("There is no model 'x'. `nexiom models` lists all."), ordered=False)
        "There is no model 'x'. Nothing was charged. Correct the value named and try again."
        >>> told_to_user(QuotaExhausted("acme: top up at /etc/acme."), ordered=False)[:65]
        'The provider takes no more orders of this app at present. Nothing'
    """
    words = words_for(error)
    what, step = (error.message, error.next_step) if words.own else ("", "")
    if isinstance(error, SubmissionUncertain):
        what, step = _first_line(what), printable(_first_line(step))
    else:
        step = _plain(step)
    what, step = _plain(what) or words.what, step or words.step
    money = in_words_of_money(error.charged or ("unknown" if ordered else "no"))
    return f"{what} {money} {step}"


def _plain(text: str) -> str:
    """The sentences of a text that anybody can read."""
    sentences = _SENTENCE_END.split(redact(text))
    plain = [one for one in sentences if not _FOR_OPERATORS.search(one)]
    if all(_REQUEST_ID.fullmatch(one) for one in plain):
        return ""  # it is no reason by itself
    kept = " ".join(plain)
    short = printable(kept, _LONGEST_TEXT).rstrip(" :;,")
    return short if not short or short.endswith((".", "!", "?", "…")) else f"{short}."


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
