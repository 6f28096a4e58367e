"""Which addresses may be dialled. A result's URL is a stranger's data: it must not lead into our own network.

The rule is applied to what is really dialled, after names are resolved, at each dial: so it holds for redirects, for
names that change their answer, and for every way of spelling an address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from nexiom_sdk.errors import UnsafeUrl
from nexiom_sdk.wording import printable

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

HTTPS_PORT = 443
USUAL_PORTS: Mapping[str, int] = {"https": HTTPS_PORT, "http": 80}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")  # all that is given out of the internet's version 6
_DOCUMENTS = ipaddress.ip_network("3fff::/20")
_ISATAP, _ISATAP_MASK = 0x5EFE, 0xFDFF_FFFF  # an address of version 4 within one of a private network
_OLD_RELAYS = ipaddress.ip_network("192.88.99.0/24")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Origin(NamedTuple):
    """Where a URL leads: scheme, host and port.

    Example:
        >>> str(Origin("https", "cdn.example", 443)), str(Origin("http", "::1", 8000))
        ('https://cdn.example', 'http://[::1]:8000')
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = USUAL_PORTS.get(self.scheme) == self.port
        return f"{self.scheme}://{printable(host, 100)}" + ("" if usual else f":{self.port}")

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, by its own name."""
        return self.host in _LOOPBACK_NAMES


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever it is wrapped into.

    Example:
        >>> [is_public(one) for one in ("93.184.215.14", "10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe")]
        [True, False, False, False]
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if embedded is not None:
            return is_public(str(embedded))
        if ip in _LOCAL_NAT64:
            return False
        if ip not in _UNICAST or ip in _DOCUMENTS or int(ip) >> 32 & _ISATAP_MASK == _ISATAP:
            return False
    elif ip in _OLD_RELAYS:
        return False
    return ip.is_global and not ip.is_multicast


def check_origin(origin: Origin, *, trusted: Collection[Origin]) -> None:
    """Refuse an origin by its looks, before any name is resolved.

    Args:
        origin: Where a URL leads.
        trusted: Origins that the operator named; they may be anything.

    Raises:
        UnsafeUrl: Not https, or not the port of https.
    """
    if origin in trusted:
        return
    if origin.scheme != "https":
        raise UnsafeUrl(f"{origin} was not opened: it is not https.")
    if origin.port != HTTPS_PORT:
        raise UnsafeUrl(f"{origin} was not opened: only the port {HTTPS_PORT} is allowed.")


def check_looks(url: str) -> None:
    """Refuse an address that a provider is to open for a user, by its looks: nothing is resolved.

    Raises:
        UnsafeUrl: It carries a login, or names a private place.

    Example:
        >>> check_looks("https://cdn.example/fox.png")
        >>> check_looks("https://169.254.169.254/latest")
        Traceback (most recent call last):
        nexiom_sdk.errors.UnsafeUrl: 169.254.169.254 was not handed on: it is a private address.
    """
    try:
        parts = urlsplit(url)
        host, login = (parts.hostname or "").rstrip("."), parts.username is not None
    except ValueError:
        host, login = "", False
    del url  # it may be signed, and tracebacks show local variables
    numeric = ":" in host or host.rpartition(".")[2].isdigit() or host.rpartition(".")[2].startswith("0x")
    if login:
        raise UnsafeUrl(f"{printable(host, 100)} was not handed on: the address carries a login.")
    if not host or host == "localhost" or host.endswith(".localhost") or (numeric and not is_public(host)):
        raise UnsafeUrl(f"{printable(host, 100) or 'An address'} was not handed on: it is a private address.")


async def public_addresses(host: str, port: int, resolve: Resolver) -> Sequence[str]:
    """The addresses of a host, if all of them are public.

    Raises:
        UnsafeUrl: One of them is not: a name with mixed answers is a trick.
        OSError: The name cannot be resolved.
    """
    addresses = await resolve(host, port)
    if not addresses:
        msg = "no address"
        raise OSError(msg)
    if not all(map(is_public, addresses)):
        msg = f"{printable(host, 100)} was not opened: it leads into a private network."
        raise UnsafeUrl(msg)
    return addresses


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine resolves names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
