from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import UnsafeUrl
from nexiom_sdk.providers.guard import Origin, check_looks, check_origin, is_public, public_addresses, system_resolver

PRIVATE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104 - refused, not bound
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fec0::1", "::127.0.0.1", "::a9fe:a9fe", "::ffff:0:7f00:1", "2001:db9::5efe:10.0.0.1",
    "3fff::1", "5f00::1", "192.88.99.1",
    "2130706433", "0x7f000001", "localhost", "", "1.2.3", "127.0.0.1 ",
]  # fmt: skip
PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_a_private_network_is_none_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_may_be_dialled(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_no_wrapping_makes_a_private_address_public(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]  # an IPv4Address
    high, low = number >> 16, number & 0xFFFF
    wrapped = (f"::ffff:{address}", f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::")
    assert not any(map(is_public, (str(address), *wrapped)))


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert is_public(text) in {True, False}


def _answering(*addresses: str) -> object:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


async def test_one_private_answer_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(UnsafeUrl, match=r"cdn\.example"):
        await public_addresses("cdn.example", 443, _answering("8.8.8.8", "10.0.0.1"))  # type: ignore[arg-type]
    assert await public_addresses("cdn.example", 443, _answering("8.8.8.8")) == ("8.8.8.8",)  # type: ignore[arg-type]


async def test_a_name_without_an_address_cannot_be_dialled() -> None:
    with pytest.raises(OSError, match="no address"):
        await public_addresses("cdn.example", 443, _answering())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        (Origin("http", "cdn.example", 80), "not https"),
        (Origin("ftp", "cdn.example", 21), "not https"),
        (Origin("file", "x", 0), "not https"),
        (Origin("https", "cdn.example", 8443), "only the port 443"),
        (Origin("https", "cdn.example", 22), "only the port 443"),
    ],
)
def test_an_origin_is_refused_by_its_looks_unless_the_operator_named_it(origin: Origin, why: str) -> None:
    with pytest.raises(UnsafeUrl, match=why):
        check_origin(origin, trusted=())
    check_origin(origin, trusted={origin})


def test_an_ordinary_origin_passes() -> None:
    check_origin(Origin("https", "cdn.example", 443), trusted=())


async def test_this_machine_resolves_names_into_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        assert (host, port) == ("cdn.example", 443)
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))
        return [stream, stream, (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 443, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert await system_resolver("cdn.example", 443) == ("8.8.8.8", "::1")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.png",
        "https://localhost/a.png",
        "https://localhost./a.png",
        "https://app.localhost/a.png",
        "https://169.254.169.254/x",
        "https://2130706433/",
        "https://0x7f.0x1/",
        "https://[::1]/",
        "https://me:CANARY@cdn.example/a.png",
        "https:///a.png",
        "https://[::1/",
    ],
)
def test_an_address_for_a_provider_to_open_is_judged_by_its_looks(url: str) -> None:
    with pytest.raises(UnsafeUrl) as caught:
        check_looks(url)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://cdn.example/a.png?sig=1", "https://8.8.8.8/a.png", "https://7zip.example/"])
def test_an_ordinary_address_is_handed_on(url: str) -> None:
    check_looks(url)
