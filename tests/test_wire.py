from __future__ import annotations

import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import MalformedResponse
from nexiom_sdk.providers.wire import Body, Call, Part, Reply, address, segment
from nexiom_sdk.types import DeliveredMedia

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Job(Body):
    id: str
    url: str | None = None


def reply(body: bytes, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(provider="Acme", status=status, headers=named, body=body, received_at=NOW)


def test_a_reply_is_read_as_far_as_it_is_needed() -> None:
    assert reply(b'{"id": "a1", "unheard_of": [1]}').read(Job).id == "a1"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>502 Bad Gateway</html>", "a web page, not JSON"),
        (b"", "an empty body"),
        (b'{"id": 7', "something unexpected"),
        (b'{"no": 1}', "id: Field required"),
        (b"[1]", "something unexpected"),
        (b"\xff\xfe\x00", "something unexpected"),
        (b"[" * 100_000, "something unexpected"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(body: bytes, said: str) -> None:
    with pytest.raises(MalformedResponse, match=said) as caught:
        reply(body, x_request_id="r-7").read(Job)
    assert caught.value.request_id == "r-7"
    assert reply(body).read_or_none(Job) is None


def test_an_error_of_reading_carries_neither_the_whole_body_nor_a_signed_query() -> None:
    secret = b'{"no": "https://cdn.example/v.mp4?sig=CANARY", "long": "' + b"x" * 5000 + b'"}'
    with pytest.raises(MalformedResponse) as caught:
        reply(secret).read(Job)
    shown = "".join(traceback.format_exception(caught.value))
    assert "CANARY" not in shown
    assert len(caught.value.message) < 400
    assert caught.value.__context__ is None


def test_reprs_show_no_bodies_addresses_or_prompts() -> None:
    call = Call("POST", "https://cdn.example/up?sig=CANARY", json={"prompt": "CANARY"}, headers={"x": "CANARY"})
    part = Part(name="file", filename="a.png", media_type="image/png", data=b"CANARY")
    shown = [
        repr(call),
        repr(part),
        repr(reply(b"CANARY", cookie="CANARY")),
        repr(Job(id="1", url="https://a/?CANARY")),
    ]
    assert "CANARY" not in " ".join(shown)
    assert repr(call) == "Call(POST https://cdn.example/up?***)"


@given(st.text(min_size=1))
def test_a_segment_of_a_path_stays_one_segment(text: str) -> None:
    made = segment(text.encode("utf-8", "replace").decode("utf-8"))
    assert made not in {".", ".."}
    assert not set("/?#\\ \r\n") & set(made)


def test_a_reference_is_handed_over_as_its_address_or_as_a_data_uri() -> None:
    assert (
        address(DeliveredMedia(role="first_frame", media_type="", url="https://a.example/x")) == "https://a.example/x"
    )
    inline = DeliveredMedia(role="first_frame", media_type="image/png", data=b"\x00\x01")
    assert address(inline) == "data:image/png;base64,AAE="


def test_a_reply_knows_how_long_to_wait_and_who_to_ask_for() -> None:
    busy = reply(b"", 429, retry_after="12", request_id="r-1")
    assert (busy.ok, busy.retry_after_seconds, busy.request_id) == (False, 12.0, "r-1")
