"""What the user of an app reads of a failure: what happened, whether it cost money, and what this user can do. Pure.

Commands, environment variables, packages, paths of machines and budgets are for whoever runs the app; they read
`failure` in the row's `provider_metadata`, the log, and the errors that are raised.
"""

from __future__ import annotations

import re

from nexiom_sdk.errors import NexiomError, SubmissionUncertain, in_words_of_money
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import printable

_LONGEST_TEXT = 400
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_FOR_OPERATORS = re.compile(
    r"""
      `                                              # a command
    | \b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b                  # an environment variable
    | \bnexiom(?:_sdk)?\b | \binstall | \bpip\b      # a package
    | (?<![\w:/.<])~?/[\w.~-]+/ | \b[A-Za-z]:\\      # a path on a machine; one in a bucket begins with no slash
    | \bMedia\. | \b[a-z_]\w*\( | \b\w+(?:Error|Exception)\b  # Python
    | \b(?i:budgets?|over\ a\ limit)\b               # what its owner pays is no user's business
    """,
    re.VERBOSE,
)


def told_to_user(error: NexiomError, *, ordered: bool) -> str:
    """The failure in words for the user of an app: a line without control characters, never long.

    What is for operators in an error's own words is left out, sentence by sentence. Only an order of which nobody
    knows whether it was taken keeps its next step as it is, for there is no other way on.

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
    words = error.for_users
    what = (_plain(error.message) if words.own else "") or words.what
    step = (_plain(error.next_step) if words.own else "") or words.step
    if isinstance(error, SubmissionUncertain):
        step = printable(error.next_step)
    money = in_words_of_money(error.charged or ("unknown" if ordered else "no"))
    return f"{what} {money} {step}"


def _plain(text: str) -> str:
    """The sentences of a text that anybody can read."""
    sentences = _SENTENCE_END.split(redact(text))
    kept = " ".join(one for one in sentences if not _FOR_OPERATORS.search(one))
    short = printable(kept, _LONGEST_TEXT).rstrip(" :;,")
    return short if not short or short.endswith((".", "!", "?", "…")) else f"{short}."
