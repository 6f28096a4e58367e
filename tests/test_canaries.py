"""Seven kinds of secret, twelve places where they must not turn up, each adapter: nothing leaks, whatever goes wrong.

One run for each provider meets success, failures that quote the secrets back at us, lost answers, refused callbacks and
broken downloads; then every place is searched for every secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexiom_sdk import NexiomError, Settings
from nexiom_sdk.backends.urls import repository_of
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import Answer, Drop
from nexiom_sdk.testing.provider_wire import Verb
from wire_rig import ROWS, bench

SECRETS: Mapping[str, str] = {
    "API key": "CANARY-api-key-0123456789",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.CANARY-jwt-0123456789",
    "signed query": "CANARY-signature-0123456789",
    "service key": "CANARY-service-key-0123456789",
    "DSN password": "CANARY-dsn-password-0123456789",
    "webhook secret": "CANARY-webhook-secret-0123456789",
    "Authorization header": "Bearer CANARY-api-key-0123456789",
}
DSN = f"nosuchdb://nexiom:{SECRETS['DSN password']}@db.example/x"
PLACES = (
    "logs", "messages", "reprs of errors", "pickled errors", "tracebacks with local variables", "reprs of objects",
    "rows", "database file", "events", "command line", "command line as JSON", "files beside the videos",
)  # fmt: skip


def blurted() -> str:
    """Every secret that a provider's server, or a proxy before it, knows of: as a careless one would repeat them."""
    address = f"https://cdn.example/v.mp4?sig={SECRETS['signed query']}&t={SECRETS['JWT']}"
    known = [SECRETS[kind] for kind in ("API key", "JWT", "webhook secret", "Authorization header")]
    return f"denied: {' '.join(known)} {address} Authorization: {SECRETS['Authorization header']}"


def refusals() -> list[Answer]:
    """Refusals in every shape that a provider's errors have, full of secrets."""
    said = blurted()
    bodies: list[object] = [{"error": said}, {"error": {"message": said, "code": said}}, {"detail": said}, said]
    return [Answer.json(body, status) for body in bodies for status in (400, 401, 500)]


class Found:
    """What one provider's run left in each place."""

    def __init__(self) -> None:
        self.text: dict[str, list[str]] = {place: [] for place in PLACES}

    def note(self, place: str, *texts: object) -> None:
        self.text[place].extend(map(str, texts))

    def error(self, error: BaseException) -> None:
        self.note("messages", error, getattr(error, "next_step", ""), getattr(error, "cause", ""))
        self.note("reprs of errors", repr(error), repr(vars(error)))
        self.note("pickled errors", pickle.dumps((type(error).__name__, error.args)))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        own = Path(__file__).name
        self.note("tracebacks with local variables", *(line for line in _foreign(shown, own)))


def _foreign(shown: traceback.TracebackException, own: str) -> Iterator[str]:
    """The frames of the library; this file knows the secrets by design."""
    for frame in shown.stack:
        if Path(frame.filename).name not in {own, "wire_rig.py"}:
            yield f"{frame.name} {frame.locals}"
    yield "".join(shown.format_exception_only())
    for inner in (shown.__cause__, shown.__context__):
        if inner is not None:
            yield from _foreign(inner, own)


async def _run(row: str, home: Path, found: Found) -> None:
    """Everything that can happen to an order at this API, with talkative servers all the way."""
    wire = ROWS[row].wire()
    provider = wire.name
    secret = {"webhook_secret": SecretStr(SECRETS["webhook secret"])} | {
        key: SecretStr(SECRETS["API key"])
        for key in wire.config("http://127.0.0.1:9")
        if key.endswith(("api_key", "secret_key", "token"))
    }
    secret |= {
        key: SecretStr(f"X-Proxy-Key: {SECRETS['API key']}")
        for key in wire.config("http://127.0.0.1:9")
        if key.endswith("headers")
    }
    settings = {"supabase_secret_key": SecretStr(SECRETS["service key"]), "store_url": home.absolute().as_uri()}
    async with bench(row, home, wire, keys=secret, **settings) as at:
        studio, adapter = at.studio, at.studio._chooser.provider(provider)

        async def meet(*answers: Answer, verb: Verb) -> None:
            for answer in answers:
                wire.break_next(verb, answer)
                try:
                    job = await at.ended(await studio.submit(at.request()))
                except NexiomError as error:
                    found.error(error)
                    continue
                if job.error_code:
                    found.error(job.failure())

        await meet(*refusals(), verb="submit")
        await meet(Answer(body=blurted().encode()), Answer.json({"id": 7, "error": blurted()}), verb="submit")
        inside = f"https://127.0.0.1/?sig={SECRETS['signed query']}"
        await meet(Answer(302, headers={"location": inside}), verb="content")
        await meet(Answer(403, body=blurted().encode()), verb="content")
        await meet(Answer.json({"error": blurted()}, 401), Answer(body=blurted().encode()), verb="poll")
        wire.break_next("submit", Drop())
        lost = await at.ended(await studio.submit(at.request()))
        found.error(lost.failure())
        result = await studio.generate(at.request())
        try:
            await studio.handle_webhook(provider, {"webhook-signature": "v1,forged"}, b'{"id": "forged"}')
        except NexiomError as error:
            found.error(error)
        rows = await studio.jobs(limit=500)
        found.note("rows", *(row.model_dump_json() if hasattr(row, "model_dump_json") else asdict(row) for row in rows))
        found.note("pickled errors", *(pickle.dumps(row) for row in rows))
        objects = (studio.settings, adapter, studio, result, rows, adapter.models, vars(adapter), wire.orders[0].path)
        found.note("reprs of objects", *map(repr, objects))
        found.note("events", *map(repr, at.events), *(json.dumps(asdict(one), default=str) for one in at.events))


def _after(row: str, home: Path, found: Found, log: io.StringIO) -> None:
    """What is left when the studio is closed: files, logs, and what the command says of it."""
    provider = ROWS[row].wire.name
    found.note("logs", log.getvalue())
    with contextlib.suppress(NexiomError):
        try:
            repository_of(DSN, clock=SystemClock())
        except NexiomError as error:
            found.error(error)
            raise
    for file in home.rglob("*"):
        if file.is_file():
            place = "database file" if ".db" in file.name else "files beside the videos"
            found.note(place, file.name, file.read_bytes())
    variables = ProviderRegistry().config_env(provider)
    secrets = {
        "api_key": SECRETS["API key"],
        "webhook_secret": SECRETS["webhook secret"],
        "base_url": "http://127.0.0.1:9",
    }
    env = {
        **{name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_SECRET", "_TOKEN"))},
        **{variables[key]: value for key, value in secrets.items() if key in variables},
        "NEXIOM_HOME": str(home),
        "NEXIOM_SUPABASE_SECRET_KEY": SECRETS["service key"],
        "NEXIOM_LOG": "debug",
    }
    for place, flags in (("command line", []), ("command line as JSON", ["--json"])):
        for words, more in (
            (["jobs", "list"], {}),
            (["estimate", "a fox", "--provider", provider], {}),
            (["generate", "a fox", "--provider", provider, "--duration", "4711"], {}),
            (["jobs", "list"], {"NEXIOM_DATABASE_URL": DSN}),
        ):
            command = [sys.executable, "-m", "nexiom_sdk", *words, *flags]
            said = subprocess.run(command, env={**env, **more}, capture_output=True, timeout=60, check=False)
            found.note(place, said.stdout, said.stderr)


@pytest.fixture(scope="module", params=list(ROWS))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    home, found = tmp_path_factory.mktemp("home"), Found()
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        asyncio.run(_run(request.param, home, found))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    _after(request.param, home, found, log)
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SECRETS)
def test_this_secret_is_not_in_this_place(kind: str, place: str, found: Found) -> None:
    assert found.text[place], f"nothing was looked at: {place}"
    for text in found.text[place]:
        assert SECRETS[kind] not in text, text[max(text.index(SECRETS[kind]) - 300, 0) :][:600]


def test_settings_keep_their_secrets_to_themselves() -> None:
    settings = Settings(database_url=DSN, supabase_secret_key=SecretStr(SECRETS["service key"]))
    assert "CANARY" not in repr(settings) + str(settings)
