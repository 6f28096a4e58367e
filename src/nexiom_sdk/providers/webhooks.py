"""Telling a provider's callback from a stranger's: how each provider signs is data, the check is one.

All of it is HMAC-SHA256. A provider that signs otherwise, or not at all, needs none of it: a callback is only a hint,
and a look at the order tells the truth.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError

TOLERANCE_SECONDS = 300

_UNIX_TIME = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSignature:
    """How a provider signs its callbacks.

    Args:
        header: Name of the header with the signatures, in lower case.
        between: What separates the entries of that header.
        mark: What an entry begins with that is a signature.
        signed: What is signed before the body, the unix time last: names of headers, or of entries `name=value` of this
            one.
        joint: What stands between the things that are signed.
        key: Makes the key from the secret as the provider shows it; empty where that cannot be.
        written: Makes the text of a signature from its bytes.

    Example:
        >>> from datetime import UTC, datetime
        >>> key = SecretStr("whsec_bm90IGEgcmVhbCBrZXk=")
        >>> when = {"webhook-id": "m1", "webhook-timestamp": "1795348930"}
        >>> signature = STANDARD_WEBHOOKS.of(b"{}", key, when)
        >>> sent = {"Webhook-Signature": f"v1,{signature}", **when}
        >>> STANDARD_WEBHOOKS.verify(sent, b"{}", key, provider="acme", now=datetime.fromtimestamp(1795348999, UTC))
    """

    header: str
    between: str
    mark: str
    signed: tuple[str, ...]
    joint: bytes
    key: Callable[[SecretStr], bytes]
    written: Callable[[bytes], str]

    def verify(
        self, headers: Mapping[str, str], body: bytes, secret: SecretStr, *, provider: str, now: datetime
    ) -> None:
        """Let the callback pass if its provider signed it within the last five minutes.

        Args:
            headers: Headers of the request; the case of their names does not matter.
            body: The bytes of the body as they came: text that was parsed and written anew has another signature.
            secret: The signing secret as the provider shows it.
            provider: Name of the provider, for errors.
            now: The present moment.

        Raises:
            AuthenticationFailed: The signature is missing, wrong, or more than 300 s from now.
            ConfigurationError: The secret is not one of this kind.
        """
        sent = {name.lower(): value for name, value in headers.items()}
        entries = [entry.strip() for entry in sent.get(self.header, "").split(self.between)]
        sent |= {name: value for name, _, value in (one.partition("=") for one in entries) if name in self.signed}
        signatures = [one.removeprefix(self.mark) for one in entries if one.startswith(self.mark)]
        if not signatures or not all(sent.get(name) for name in self.signed):
            raise _refused(provider, "carries no signature")
        right = self.of(body, secret, sent).encode()
        if not any(hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in signatures):
            raise _refused(provider, "was signed with another secret, or changed on its way")
        when = sent[self.signed[-1]]
        if not _UNIX_TIME.fullmatch(when) or abs(now.timestamp() - int(when)) > TOLERANCE_SECONDS:
            raise _refused(provider, f"was signed more than {TOLERANCE_SECONDS} s before or after this moment")

    def of(self, body: bytes, secret: SecretStr, sent: Mapping[str, str]) -> str:
        """The right signature of a body, given the things that are signed before it by name."""
        key = self.key(secret)
        if not key:
            msg = "The signing secret for callbacks is empty or damaged."
            raise ConfigurationError(msg, next_step="Copy it once more from the provider's console, whole.")
        before = (sent[name].encode("utf-8", "replace") for name in self.signed)
        return self.written(hmac.digest(key, self.joint.join((*before, body)), "sha256"))


def _base64_key(secret: SecretStr) -> bytes:
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        return b""


def _refused(provider: str, why: str) -> AuthenticationFailed:
    return AuthenticationFailed(
        f"A callback in the name of {provider} {why}; it was ignored.",
        provider=provider,
        charged=None,
        next_step="If all its callbacks are refused, check the signing secret and this machine's clock.",
    )


# standardwebhooks.com: Kling, Replicate and OpenAI sign like this, with secrets that begin with whsec_.
STANDARD_WEBHOOKS = CallbackSignature(
    header="webhook-signature",
    between=" ",
    mark="v1,",
    signed=("webhook-id", "webhook-timestamp"),
    joint=b".",
    key=_base64_key,
    written=lambda digest: base64.b64encode(digest).decode("ascii"),
)

OPENROUTER = CallbackSignature(
    header="x-openrouter-signature",
    between=",",
    mark="v1=",
    signed=("t",),
    joint=b",",
    key=lambda secret: secret.get_secret_value().encode(),
    written=bytes.hex,
)
