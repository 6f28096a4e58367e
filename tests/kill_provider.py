"""The provider of the crash tests: a server in the test's own process. What it accepted is what was paid."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import SubmissionRecovery


class Provider(http.server.ThreadingHTTPServer):
    """Counts what it takes.

    Args:
        recovery: With `key`, one key is one order.
        strike: The signal that the process of the first order gets when that order has arrived: it never sees the
            answer, or sees it when it is woken.
    """

    request_queue_size = 64

    def __init__(self, recovery: SubmissionRecovery, *, strike: signal.Signals | None = None) -> None:
        self.recovery, self.strike = recovery, strike
        self.paid: list[str] = []  # the client's reference of each order
        self.cancelled: list[str] = []
        self.fetched: list[str] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def take(self, key: str) -> str:
        """The id of the order; an order more is paid, except that one key is one order where that is offered."""
        with self.lock:
            if self.recovery != "key" or key not in self.paid:
                self.paid.append(key)
            return order_id(key, self.paid.count(key))

    def handle_error(self, request: object, client_address: object) -> None:
        """A child that was killed breaks its connection; that is the point."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        query, provider = parse_qs(urlsplit(self.path).query), self.server
        taken = provider.take(query["key"][0])
        strike, provider.strike = provider.strike, None
        if strike is not None:
            os.kill(int(query["pid"][0]), strike)
            if strike is signal.SIGKILL:
                return
            wait_until_stopped(int(query["pid"][0]))
        self._answer({"id": taken})

    def do_DELETE(self) -> None:
        self.server.cancelled.append(urlsplit(self.path).path.rpartition("/")[2])
        self._answer({})

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path == "/find":
            key = parse_qs(path.query)["key"][0]
            self._answer({"id": order_id(key, 1) if key in self.server.paid else None})
        elif path.path.startswith("/video/"):
            self.server.fetched.append(path.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(sample_video())
        else:
            self._answer({"status": "done"})

    def _answer(self, body: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def order_id(key: str, number: int) -> str:
    """The provider's id of the so-manieth order with this reference."""
    return f"order-{key}-{number}"


def wait_until_stopped(pid: int) -> None:
    """SIGSTOP takes effect a moment after it was sent."""
    for _ in range(2000):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} does not stop")


@contextlib.contextmanager
def provider_server(recovery: SubmissionRecovery, *, strike: signal.Signals | None = None) -> Iterator[Provider]:
    server = Provider(recovery, strike=strike)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
