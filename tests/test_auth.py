from __future__ import annotations

from pydantic import SecretStr

from nexiom_sdk.providers.auth import HeaderKey, Unsigned

REQUEST = Unsigned(method="POST", url="https://api.example/v1/videos?sig=CANARY", body=b"CANARY")


async def test_a_key_goes_into_the_header_that_the_provider_wants() -> None:
    assert await HeaderKey(SecretStr("k-1")).sign(REQUEST) == {"Authorization": "Bearer k-1"}
    assert await HeaderKey(SecretStr("k-1"), "x-api-key", "").sign(REQUEST) == {"x-api-key": "k-1"}


def test_neither_the_key_nor_the_request_shows_in_a_repr() -> None:
    assert "CANARY" not in repr(HeaderKey(SecretStr("CANARY")))
    assert "CANARY" not in repr(REQUEST)
