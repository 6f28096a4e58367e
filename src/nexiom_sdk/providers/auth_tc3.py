"""`Tc3`: Tencent Cloud's signature TC3-HMAC-SHA256, over the bytes that are sent.

Sources: the official package `tencentcloud-sdk-python-common` 3.1.195; as of 2026-11-22. Only the type of the body, the
host and a hash of the body are signed, and the day is that of the clock in UTC: a clock that is wrong by more than
a few minutes makes every signature wrong.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from nexiom_sdk.clock import Clock
from nexiom_sdk.providers.auth import Unsigned

_SCHEME, _END = "TC3-HMAC-SHA256", "tc3_request"
_SIGNED = ("content-type", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tc3:
    """The pair of secrets of a Tencent Cloud account: the id is sent along, the key only signs.

    Args:
        secret_id: SecretId.
        secret_key: SecretKey.
        service: Whose requests are signed, such as vclm.
        clock: Time; a request is good for a few minutes.
        token: What temporary credentials have besides.

    Example:
        >>> import asyncio
        >>> from nexiom_sdk.testing import VirtualClock
        >>> pair = {"secret_id": SecretStr("not-a-real-id"), "secret_key": SecretStr("not-a-real-key")}
        >>> headers = {"content-type": "application/json", "host": "vclm.tencentcloudapi.com"}
        >>> request = Unsigned(method="POST", url="https://vclm.tencentcloudapi.com/", headers=headers, body=b"{}")
        >>> [*asyncio.run(Tc3(**pair, service="vclm", clock=VirtualClock()).sign(request))]
        ['Authorization', 'X-TC-Timestamp']
    """

    secret_id: SecretStr
    secret_key: SecretStr
    service: str
    clock: Clock
    token: SecretStr | None = None

    needs_body: ClassVar[bool] = True

    async def sign(self, request: Unsigned, /) -> Mapping[str, str]:
        """The signature, its time, and the token where there is one."""
        now = self.clock.now().astimezone(UTC)
        timestamp, day = str(int(now.timestamp())), f"{now:%Y-%m-%d}"
        scope = f"{day}/{self.service}/{_END}"
        to_sign = "\n".join((_SCHEME, timestamp, scope, _sha256(_canonical(request).encode())))
        key = f"TC3{self.secret_key.get_secret_value()}".encode()
        for step in (day, self.service, _END):
            key = _hmac(key, step)
        credential = f"{self.secret_id.get_secret_value()}/{scope}"
        signature = _hmac(key, to_sign).hex()
        signed = {
            "Authorization": f"{_SCHEME} Credential={credential}, SignedHeaders={';'.join(_SIGNED)}, "
            f"Signature={signature}",
            "X-TC-Timestamp": timestamp,
        }
        return signed if self.token is None else {**signed, "X-TC-Token": self.token.get_secret_value()}


def _canonical(request: Unsigned) -> str:
    """The request as both sides write it down before they sign it."""
    sent = {name.lower(): value for name, value in request.headers.items()}
    place = urlsplit(request.url)
    headers = [f"{name}:{sent[name]}" for name in _SIGNED]
    return "\n".join(
        (request.method, place.path, place.query, *headers, "", ";".join(_SIGNED), _sha256(request.body)),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
