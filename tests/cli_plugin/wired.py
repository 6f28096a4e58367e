"""A plug-in as a package would bring it, for tests of the command: it does what the variable WIRED_SCRIPT says."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk.errors import MissingCredentials, ProviderUnavailable, SubmissionUncertain
from nexiom_sdk.models import MediaLimits, ModelCard, Price
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.testing import FakeProvider, sample_video
from nexiom_sdk.types import Operation, Poll, Running, Submission, Succeeded

CARD = ModelCard(
    model="w1",
    durations_seconds=(2, 4),
    resolutions=("720p",),
    media={"first_frame": 1},
    media_limits={"image": MediaLimits(max_ratio=2.5)},
    prices=(Price(usd=Decimal("0.10")),),
    typical_seconds=0.01,
    min_poll_seconds=0.01,
)


class Wired(FakeProvider):
    """`done`, `hang`, `stuck`, `slow:SECONDS`, `deaf:PORT`, `down`, `lose`, `burst`, or `fail:CODE`."""

    config_env: ClassVar[Mapping[str, str]] = {"script": "WIRED_SCRIPT"}

    def __init__(self, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> None:
        script = config.get("script")
        if not isinstance(script, SecretStr):
            msg = "The provider 'wired' has no script."
            raise MissingCredentials(msg, next_step="Set WIRED_SCRIPT.")
        word, _, code = script.get_secret_value().partition(":")
        paid = word in {"lose", "stuck", "slow"}
        super().__init__("wired", models=(CARD,), submission_recovery="none" if paid else "key")
        self._stuck = word == "stuck"
        self._bursts = word == "burst"
        self._slow_seconds = float(code) if word == "slow" else 0.0
        self._port = int(code) if word == "deaf" else None
        match word:
            case "hang" | "slow" | "deaf" | "burst":
                self.progress(*[0.4] * 1000)
            case "down":
                self.refuse(ProviderUnavailable("Wired could not be reached: no \x1b[31mroute\x1b[0m."))
            case "lose":
                self.refuse(SubmissionUncertain("The line broke."))
            case "fail":
                self.fail(code, "Not with \x1b[31mme\x1b[0m.\u202e")
            case _:
                self.answer_at_once(data=sample_video())

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """The paid call; `stuck`: its answer never comes; `slow`: it comes late."""
        logging.getLogger("nexiom_sdk.wired").warning("chatter that nobody asked for")
        if self._stuck:
            await asyncio.to_thread(threading.Event().wait)
        if self._bursts:
            self._burst(submission)
        await asyncio.sleep(self._slow_seconds)
        return await super().submit(submission)

    async def poll(self, operation: Operation, /) -> Poll:
        """A look; `found-1` is an order that somebody found; `deaf`: a server on loopback never answers."""
        if operation.id == "found-1":
            return Running()
        if self._port is not None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(b"GET /orders HTTP/1.1\r\n\r\n")
            try:
                await reader.read(1)
            finally:
                writer.close()
        return await super().poll(operation)

    def _burst(self, submission: Submission) -> None:
        """Log a defect whose text nobody may see."""
        try:
            int(f"{submission.spec.prompt} {os.environ.get('WIRED_SECRET')}")
        except ValueError:
            where = "https://wired.example/v.mp4?sig=CANARY4713"
            logging.getLogger("nexiom_sdk.wired").exception("it burst at %s", where, extra={"action": "burst"})
