"""Tokens that we sign ourselves: JSON web tokens by HMAC-SHA256 (RFC 7519), from a pair of keys.

Such a token is good for half an hour by the provider's clock. Where this machine's clock is another one, the provider's
time is learnt from the date of a reply.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk.clock import Clock
from nexiom_sdk.providers.auth import Unsigned

_LIVES_SECONDS = 1800
_BEGINS_EARLIER_SECONDS = 5
_RENEWED_BEFORE_SECONDS = 60
_SAME = timedelta(seconds=3)  # a date has whole seconds, and a reply takes time
_YEARS = range(2020, 2100)


class JwtHs256:
    """A bearer token, made anew a minute before it ends.

    Args:
        issuer: The half of the pair that names the account.
        key: The half that signs.
        clock: Time.

    Example:
        >>> import asyncio
        >>> from nexiom_sdk.clock import SystemClock
        >>> pair = JwtHs256(issuer=SecretStr("ak"), key=SecretStr("not-a-real-key"), clock=SystemClock())
        >>> request = Unsigned(method="GET", url="https://api.example/tasks")
        >>> asyncio.run(pair.sign(request))["Authorization"].partition(".")[0]
        'Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9'
    """

    needs_body: ClassVar[bool] = False

    def __init__(self, *, issuer: SecretStr, key: SecretStr, clock: Clock) -> None:
        self._issuer = issuer
        self._key = key
        self._clock = clock
        self._behind = timedelta()
        self._token: SecretStr | None = None
        self._minted_at = 0

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:  # noqa: ARG002 - the same for every request
        """The header with the token."""
        now = int((self._clock.now() + self._behind).timestamp())
        age = now - self._minted_at
        if self._token is None or not 0 <= age < _LIVES_SECONDS - _RENEWED_BEFORE_SECONDS:
            self._token, self._minted_at = self._minted(now), now
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    def learn(self, date: str, /) -> float | None:
        """Go by the server's time from now on, and drop the token.

        Args:
            date: The header `Date` of a reply that has just come.

        Returns:
            How many seconds this machine's clock is behind; None where that is nothing new, or the date is none.
        """
        self._token = None
        try:
            told = parsedate_to_datetime(date)
            behind = told.replace(tzinfo=told.tzinfo or UTC) - self._clock.now()
        except (ValueError, TypeError, OverflowError):
            return None
        if told.year not in _YEARS or abs(behind - self._behind) < _SAME:
            return None
        self._behind = behind
        return behind.total_seconds()

    def _minted(self, now: int) -> SecretStr:
        claims: dict[str, str | int] = {
            "iss": self._issuer.get_secret_value(),
            "exp": now + _LIVES_SECONDS,
            "nbf": now - _BEGINS_EARLIER_SECONDS,
        }
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        digest = hmac.digest(self._key.get_secret_value().encode(), signed.encode(), "sha256")
        return SecretStr(f"{signed}.{_base64(digest)}")


def _encoded(part: Mapping[str, str | int]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
