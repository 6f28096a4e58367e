from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping

import pytest
from openai import AsyncOpenAI, InvalidWebhookSignatureError
from pydantic import SecretStr

from nexiom_sdk.errors import AuthenticationFailed
from nexiom_sdk.providers.sora import SoraProvider
from nexiom_sdk.providers.webhooks import STANDARD_WEBHOOKS
from nexiom_sdk.testing.wires.sora import SoraWire
from oracle.capture import Agree, Bench, Case
from oracle.cases import PNG, PROMPT, cancel, case, check, collect, inline, linked, look, order, url_of

# Its videos are marked as deprecated since OpenAI closed its own service; the format lives on.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")

BENCH = Bench(
    wire=SoraWire,
    adapter=SoraProvider,
    client=lambda config: AsyncOpenAI(api_key=config["api_key"], base_url=config["base_url"], max_retries=0),
)
FINISHED = Bench(wire=lambda: SoraWire(looks=0), adapter=BENCH.adapter, client=BENCH.client)
OBJECTS = Bench(
    wire=SoraWire,
    adapter=lambda config: SoraProvider({**config, "image_mode": "object"}),
    client=BENCH.client,
)
JSON = Bench(
    wire=SoraWire,
    adapter=lambda config: SoraProvider({**config, "image_mode": "object", "request_format": "json"}),
    client=BENCH.client,
)
MODEL = "wan2.2-ti2v"
VIDEO = "video_68e5c0ff"
FRAME = {"input_reference": {"image_url": url_of("first_frame")}}  # the client refuses it as an argument of its own


async def collected(openai: AsyncOpenAI) -> None:
    await openai.videos.retrieve(VIDEO)
    await openai.videos.download_content(VIDEO)


CASES: list[tuple[Bench[AsyncOpenAI], Case[AsyncOpenAI]]] = [
    (BENCH, case("text, least", order(MODEL), lambda openai: openai.videos.create(model=MODEL, prompt=PROMPT))),
    (
        BENCH,
        case(
            "text, everything",
            order(MODEL, 8, "720p", "16:9"),
            lambda openai: openai.videos.create(model=MODEL, prompt=PROMPT, seconds="8", size="1280x720"),
        ),
    ),
    (
        BENCH,
        case(
            "text, what other servers take besides",
            order(MODEL, 8, "720p", "9:16", seed=7, negative_prompt="rain", options={"fps": 24, "lossless": True}),
            lambda openai: openai.videos.create(
                model=MODEL,
                prompt=PROMPT,
                seconds="8",
                size="720x1280",
                extra_body={"seed": 7, "negative_prompt": "rain", "fps": 24, "lossless": True},
            ),
        ),
    ),
    (
        BENCH,
        case(
            "first frame as bytes",
            order(MODEL, 4, "720p", "16:9", media=inline("first_frame", PNG)),
            lambda openai: openai.videos.create(
                model=MODEL,
                prompt=PROMPT,
                seconds="4",
                size="1280x720",
                input_reference=("first_frame.png", PNG, "image/png"),
            ),
        ),
    ),
    (
        OBJECTS,
        case(
            "first frame by address, in a form",
            order(MODEL, 4, "720p", "16:9", media=linked("first_frame")),
            lambda openai: openai.videos.create(
                model=MODEL, prompt=PROMPT, seconds="4", size="1280x720", extra_body=FRAME
            ),
        ),
    ),
    (
        JSON,
        case(
            "first frame by address, in JSON",
            order(MODEL, 4, "720p", "16:9", media=linked("first_frame")),
            lambda openai: openai.videos.create(
                model=MODEL,
                prompt=PROMPT,
                seconds="4",
                size="1280x720",
                extra_body=FRAME,
                extra_headers={"Content-Type": "application/json"},
            ),
        ),
    ),
    (BENCH, case("look", look(VIDEO), lambda openai: openai.videos.retrieve(VIDEO))),
    (FINISHED, case("collect", collect(VIDEO), collected)),
    (
        BENCH,
        case(
            "cancel",
            cancel(VIDEO),
            lambda openai: openai.videos.delete(VIDEO),
            {f"GET /v1/videos/{VIDEO}": "the same verb erases a finished video, so we look whether it still runs"},
        ),
    ),
    (BENCH, case("check", check, lambda openai: openai.videos.list(limit=1))),
]


@pytest.mark.parametrize(("bench", "one"), CASES, ids=[one.title for _, one in CASES])
async def test_the_adapter_sends_what_the_official_client_sends(
    bench: Bench[AsyncOpenAI], one: Case[AsyncOpenAI], agree: Agree
) -> None:
    await agree(bench, one)


SECRET = f"whsec_{base64.b64encode(b'not a real key').decode()}"
EVENT = json.dumps({"id": "evt_1", "object": "event", "type": "video.completed", "data": {"id": VIDEO}}).encode()


def delivery(
    *, secret: str = SECRET, age_seconds: int = 0, body: bytes = EVENT, written: str = "v1,{}", without: str = ""
) -> Mapping[str, str]:
    """The headers of a callback."""
    sent = {"webhook-id": "evt_1", "webhook-timestamp": f"{int(time.time()) - age_seconds}"}
    signature = STANDARD_WEBHOOKS.of(body, SecretStr(secret), sent)
    sent["webhook-signature"] = written.format(signature)
    return {name: value for name, value in sent.items() if name != without}


DELIVERIES: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "as it should be": delivery,
    "names in other letters": lambda: {name.title(): value for name, value in delivery().items()},
    "among other signatures": lambda: delivery(written="v1,AAAA v1,{} v2,AAAA"),
    "young enough": lambda: delivery(age_seconds=290),
    "too old": lambda: delivery(age_seconds=310),
    "from the future": lambda: delivery(age_seconds=-310),
    "signed with another secret": lambda: delivery(secret="whsec_YW5vdGhlcg=="),
    "signed for another body": lambda: delivery(body=b"{}"),
    "signed in another version": lambda: delivery(written="v1a,{}"),
    "no signature": lambda: delivery(without="webhook-signature"),
    "no time": lambda: delivery(without="webhook-timestamp"),
    "no id": lambda: delivery(without="webhook-id"),
    "a time that is none": lambda: {**delivery(), "webhook-timestamp": "now"},
}


@pytest.mark.parametrize("headers", DELIVERIES.values(), ids=DELIVERIES)
async def test_a_callback_is_believed_as_the_official_client_believes_it(
    headers: Callable[[], Mapping[str, str]],
) -> None:
    sent = headers()
    assert _believed_by_us(sent) == await _believed_by_them(sent)


async def test_a_signature_without_its_version_is_believed_by_the_official_client_only() -> None:
    bare = delivery(written="{}")  # the standard wants the version, and OpenAI sends it
    assert (_believed_by_us(bare), await _believed_by_them(bare)) == (False, True)


def _believed_by_us(headers: Mapping[str, str]) -> bool:
    adapter = SoraProvider({"base_url": "https://videos.example/v1", "webhook_secret": SecretStr(SECRET)})
    try:
        return adapter.read_callback(headers, EVENT) == (VIDEO, None)
    except AuthenticationFailed:
        return False


async def _believed_by_them(headers: Mapping[str, str]) -> bool:
    async with AsyncOpenAI(api_key="not-a-real-key", webhook_secret=SECRET) as openai:
        try:
            openai.webhooks.verify_signature(EVENT, headers)
        except (InvalidWebhookSignatureError, ValueError):
            return False
    return True
