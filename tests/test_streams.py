from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from nexiom_sdk.testing.streams import ClientLeft, Stream, TlsStream

MUCH = bytes(range(256)) * 8192  # 2 MiB: more than the kernel keeps for a reader that sleeps


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    server, client = socket.socketpair()
    server.settimeout(0)
    client.settimeout(0)
    return server, client


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("server.example").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(stream: Stream) -> None:
    with stream.connection:
        while data := await stream.receive():
            await stream.send(data)


async def there_and_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(MUCH)
    try:
        return await reader.readexactly(len(MUCH))
    finally:
        writer.close()
        await writer.wait_closed()


async def test_bytes_arrive_whole_and_the_end_is_seen(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    echoing = asyncio.ensure_future(echo(Stream(server)))
    assert await there_and_back(*await asyncio.open_connection(sock=client)) == MUCH
    await echoing


async def test_bytes_inside_tls_arrive_whole_and_the_end_is_seen(
    ends: tuple[socket.socket, socket.socket], contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = ends
    echoing = asyncio.ensure_future(echo(TlsStream(server, contexts[0])))
    dialled = await asyncio.open_connection(sock=client, ssl=contexts[1], server_hostname="server.example")
    assert await there_and_back(*dialled) == MUCH
    await echoing


async def test_sending_to_somebody_who_left_says_so(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.close()
    with pytest.raises(ClientLeft):
        await Stream(server).send(b"x")
    server.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
async def test_whoever_speaks_no_tls_or_breaks_off_is_taken_as_gone(
    said: bytes, ends: tuple[socket.socket, socket.socket], contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = ends
    client.send(said)
    client.close()
    with pytest.raises(ClientLeft):
        await TlsStream(server, contexts[0]).receive()
    server.close()


async def test_a_client_that_does_not_trust_the_certificate_is_taken_as_gone(
    ends: tuple[socket.socket, socket.socket], contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = ends
    echoing = asyncio.ensure_future(echo(TlsStream(server, contexts[0])))
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(sock=client, ssl=contexts[1], server_hostname="other.example")
    with pytest.raises(ClientLeft):
        await echoing
