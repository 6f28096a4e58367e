"""Bearer tokens for Vertex AI. They last about an hour, so before each call there must be one with minutes to spare."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeAlias, cast

from pydantic import SecretStr

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import AuthenticationFailed, NexiomError, ProviderUnavailable
from nexiom_sdk.providers.auth import Unsigned

_TO_SPARE = timedelta(minutes=5)
_PROVIDER = "veo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token.

    Args:
        token: The token.
        expires_at: When it ends; None: that is not known, so it serves for one call.
        quota_project: The project that calls count for, where it is another than that of the credentials.
    """

    token: SecretStr
    expires_at: datetime | None = None
    quota_project: str = ""


Token: TypeAlias = str | tuple[str, datetime]
TokenProvider: TypeAlias = Callable[[], Token | Awaitable[Token]]
"""Gives a token, or a token and when it ends; it is called in a thread, so it may block, or be a coroutine function."""


class Tokens:
    """Signs with a bearer token, and has a new one fetched when less than five minutes of the last one remain.

    Args:
        source: Gives tokens.
        clock: Time.
        longest_seconds: Longest time for one fetch.
    """

    needs_body: ClassVar[bool] = False

    def __init__(
        self, source: Callable[[], Grant | Token | Awaitable[Token]], *, clock: Clock, longest_seconds: float
    ) -> None:
        self._source = source
        self._clock = clock
        self._longest_seconds = longest_seconds
        self._one_at_a_time = asyncio.Lock()
        self._grant: Grant | None = None
        self._reused = False

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:  # noqa: ARG002 - the same for every request
        """The headers with the token.

        Raises:
            ProviderError: There is none to be had now.
            ConfigurationError: There are no credentials.
        """
        async with self._one_at_a_time:
            kept = self._kept()
            self._reused = kept is not None
            grant = kept or await self._fetched()
        headers = {"Authorization": f"Bearer {grant.token.get_secret_value()}"}
        return {**headers, "x-goog-user-project": grant.quota_project} if grant.quota_project else headers

    def forget(self) -> bool:
        """Fetch another one for the next call: this one was refused.

        Returns:
            Whether that may help: a token that was fetched for the refused call itself is as good as the next one.
        """
        self._grant, kept = None, self._reused
        return kept

    def _kept(self) -> Grant | None:
        grant = self._grant
        if grant is None or grant.expires_at is None or grant.expires_at - self._clock.now() < _TO_SPARE:
            return None
        return grant

    async def _fetched(self) -> Grant:
        answer = await self._asked()
        if not isinstance(answer, Grant):
            raise answer  # here, where nothing of what the stranger said is at hand
        self._grant = answer
        return answer

    async def _asked(self) -> Grant | NexiomError:
        try:
            async with asyncio.timeout(self._longest_seconds):
                said = await asyncio.to_thread(self._source)
                if inspect.isawaitable(said):
                    said = await said
            return said if isinstance(said, Grant) else _grant_of(said)
        except NexiomError as error:
            return error
        except TimeoutError:
            return ProviderUnavailable("No token for Google came in time.", provider=_PROVIDER)
        except Exception as other:  # noqa: BLE001 - a stranger's function, and its text may hold a secret
            return AuthenticationFailed(f"No token for Google: {type(other).__name__}.", provider=_PROVIDER)


def _grant_of(said: object) -> Grant | NexiomError:
    """What a user's function gave, as a token."""
    token, expires_at = cast("tuple[object, object]", said) if isinstance(said, tuple) else (said, None)
    usable = isinstance(token, str) and token.isascii() and token.isprintable() and token.strip()
    if not (usable and isinstance(expires_at, datetime | None)):
        return AuthenticationFailed("The token_provider gave something that is no token.", provider=_PROVIDER)
    return Grant(token=SecretStr(usable), expires_at=in_utc(expires_at))


def in_utc(moment: datetime | None) -> datetime | None:
    """A moment that names no zone is meant in UTC: Google's library gives such ones."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
