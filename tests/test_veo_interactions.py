from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import FAILURE_CODES, AuthenticationFailed, MalformedResponse, NexiomError
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from veo_rig import FIXTURES, INTERACTION, VERTEX, omni, order, recorded, reply

TAKEN = Operation(id=INTERACTION)
PLACE = "https://generativelanguage.googleapis.com/v1beta/files/abc123xyz"
CLIP = base64.b64decode("AAAAGGZ0eXBtcDQyAAAAAG1wNDJpc29t")
USED = {
    "total_input_tokens": 12,
    "total_output_tokens": 46336,
    "total_tokens": 46348,
    "output_video_tokens": 46336,
}
READ: Mapping[str, Poll] = {
    "omni_submit_response": Running(),
    "omni_cancel_response": Cancelled(),
    "omni_poll_queued": Running(queued=True),
    "omni_poll_running": Running(),
    "omni_poll_succeeded_inline": Succeeded(assets=(Asset(data=CLIP),), detail=USED),
    "omni_poll_succeeded_gcs": Succeeded(
        assets=(
            Asset(
                url="https://storage.googleapis.com/storage/v1/b/demo-bucket/o/omni%2Fsample_0.mp4?alt=media",
                needs_auth=True,
            ),
        ),
        detail=USED,
    ),
    "omni_poll_failed": Failed(code="generation_failed", message="Video generation failed. Please try again."),
    "omni_poll_moderated": Failed(code="content_rejected", message="The request was blocked by safety filters."),
    "omni_poll_incomplete": Failed(code="generation_failed", message="Google ended the order as incomplete."),
    "file_get_processing": Running(),
    "file_get_active": Succeeded(
        assets=(
            Asset(
                url=f"{PLACE}:download?alt=media",
                needs_auth=True,
                expires_at=datetime(2026, 11, 24, 12, 1, tzinfo=UTC),
            ),
        )
    ),
}


def interaction(status: str, **more: object) -> object:
    return {"id": INTERACTION, "status": status, **more}


def finished(*blocks: object) -> object:
    return interaction("completed", steps=[{"type": "model_output", "content": [*blocks]}])


@pytest.mark.parametrize("name", READ)
def test_a_recorded_body_means_what_the_documentation_says(name: str) -> None:
    made = omni(**VERTEX) if name.endswith("_gcs") else omni()
    assert made.read_poll(TAKEN, recorded(name)) == READ[name]


def test_every_recorded_body_is_read() -> None:
    names = {file.stem for kind in ("omni_poll", "omni_cancel", "file_get") for file in FIXTURES.glob(f"{kind}_*.json")}
    assert names == {*READ} - {"omni_submit_response"} | {"omni_poll_succeeded_uri"}


def test_a_file_of_the_gemini_api_is_looked_at_before_it_is_fetched() -> None:
    call = omni().read_poll(TAKEN, recorded("omni_poll_succeeded_uri"))
    assert call == Call("GET", "/v1beta/files/abc123xyz", any_status=True)


@pytest.mark.parametrize("base", ["https://proxy.example", "https://generativelanguage.googleapis.com"])
@pytest.mark.parametrize("address", [PLACE, f"{PLACE}:download", f"{PLACE}:download?alt=media"])
def test_a_file_is_fetched_from_where_the_api_is_set_up_to_be(address: str, base: str) -> None:
    made = omni(base_url=base)
    call = made.read_poll(TAKEN, reply(finished({"type": "video", "uri": address})))
    assert isinstance(call, Call)
    assert call.path == "/v1beta/files/abc123xyz"
    done = made.read_poll(TAKEN, recorded("file_get_active"))
    assert isinstance(done, Succeeded)
    assert done.assets[0].url == f"{base}/v1beta/files/abc123xyz:download?alt=media"


@pytest.mark.parametrize(
    "address",
    [
        "https://generativelanguage.googleapis.com.evil.example/v1beta/files/abc",
        "https://evil.example/https://generativelanguage.googleapis.com/v1beta/files/abc",
    ],
)
def test_a_file_at_a_strangers_is_fetched_without_our_key(address: str) -> None:
    outcome = omni().read_poll(TAKEN, reply(finished({"type": "video", "uri": address})))
    assert outcome == Succeeded(assets=(Asset(url=address),))


@pytest.mark.parametrize(
    ("file", "outcome"),
    [
        ({"state": "FAILED"}, Failed(code="generation_failed", message="Google made the video and could not file it.")),
        ({"state": "STATE_UNSPECIFIED"}, Running()),
        ({}, Running()),
        ({"state": "ACTIVE"}, Succeeded(assets=(Asset(url=f"{PLACE}:download?alt=media", needs_auth=True),))),
    ],
)
def test_the_state_of_a_file_has_its_meaning(file: Mapping[str, str], outcome: Poll) -> None:
    assert omni().read_poll(TAKEN, reply({"name": "files/abc123xyz", **file})) == outcome


def test_a_file_that_is_gone_ends_the_job_and_one_that_cannot_be_seen_does_not() -> None:
    gone = omni().read_poll(TAKEN, reply({}, 404))
    assert isinstance(gone, Failed)
    assert gone.code == "result_expired"
    with pytest.raises(AuthenticationFailed):
        omni().read_poll(TAKEN, reply({}, 403))


def test_the_last_video_counts_and_bytes_before_an_address() -> None:
    steps = [
        {"type": "user_input", "content": [{"type": "video", "data": "AAAA"}]},
        {"type": "model_output", "content": [{"type": "video", "data": "AAAA"}, {"type": "video", "data": "BBBB"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "there"}, None]},
        None,
    ]
    outcome = omni().read_poll(TAKEN, reply(interaction("completed", steps=steps)))
    assert outcome == Succeeded(assets=(Asset(data=base64.b64decode("BBBB")),))
    both = {"type": "video", "data": "AAAA", "uri": PLACE, "mime_type": "video/webm"}
    assert omni().read_poll(TAKEN, reply(finished(both))) == Succeeded(
        assets=(Asset(data=b"\0\0\0", media_type="video/webm"),)
    )


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([{"type": "text", "text": "I cannot do that."}], "Google made no video. I cannot do that."),
        ([{"type": "image", "data": "AAAA"}], "Google made no video."),
        ([], "Google made no video."),
    ],
)
def test_a_success_without_a_video_failed_with_the_words_of_the_model(blocks: list[object], said: str) -> None:
    outcome = omni().read_poll(TAKEN, reply(finished(*blocks)))
    assert outcome == Failed(code="generation_failed", message=said)


@pytest.mark.parametrize("data", ["!!!!", "AAA", None])
def test_a_video_that_cannot_be_read_ends_nothing(data: str | None) -> None:
    with pytest.raises(MalformedResponse):
        omni().read_poll(TAKEN, reply(finished({"type": "video", "data": data})))


@pytest.mark.parametrize("status", ["failed", "budget_exceeded", "requires_action", "requires_continuation"])
def test_every_other_end_is_a_failure_that_names_it(status: str) -> None:
    outcome = omni().read_poll(TAKEN, reply(interaction(status)))
    assert outcome == Failed(code="generation_failed", message=f"Google ended the order as {status}.")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid_request", "invalid_input"),
        ("https://errors.example/interactions/quota_exceeded", "quota_exhausted"),
        ("payment_required", "quota_exhausted"),
        ("rate_limit_exceeded", "rate_limited"),
        ("never_heard_of", "generation_failed"),
        (None, "generation_failed"),
        (7, "generation_failed"),
    ],
)
def test_the_code_of_an_error_has_its_meaning(code: object, expected: str) -> None:
    outcome = omni().read_poll(TAKEN, reply(interaction("failed", errors=[{"code": code, "message": "x"}, None])))
    assert isinstance(outcome, Failed)
    assert outcome.code == expected
    assert outcome.code in FAILURE_CODES


def test_an_error_that_speaks_of_guidelines_is_moderation() -> None:
    errors = [{"code": "invalid_argument", "message": "It violates the usage guidelines."}]
    outcome = omni().read_poll(TAKEN, reply(interaction("failed", errors=errors)))
    assert isinstance(outcome, Failed)
    assert outcome.code == "content_rejected"


def test_a_status_that_is_not_known_runs_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert omni().read_poll(TAKEN, reply(interaction("dreaming-omni"))) == Running()
    assert len([record for record in caplog.records if "dreaming-omni" in record.getMessage()]) == 1


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "status", "steps", "type", "content", "data", "uri", "text", "errors", "code", "message",
                         "usage", "name", "state", "expirationTime"]) | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
BLOCK = st.fixed_dictionaries({"type": st.just("video")}, optional={"uri": ANY_JSON, "data": ANY_JSON})
STEPS = st.lists(st.fixed_dictionaries({"type": st.just("model_output"), "content": st.lists(BLOCK) | ANY_JSON}))
INTERACTION_BODY = st.fixed_dictionaries(
    {"id": st.text(max_size=5), "status": st.sampled_from(["completed", "failed", "queued", "?"])},
    optional={"steps": STEPS | ANY_JSON, "errors": ANY_JSON, "usage": ANY_JSON},
)
FILE = st.fixed_dictionaries({"name": st.just("files/x"), "state": ANY_JSON}, optional={"expirationTime": ANY_JSON})
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | INTERACTION_BODY | FILE).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599), vertex=st.booleans())
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int, *, vertex: bool) -> None:
    made, any_reply = omni(**(VERTEX if vertex else {})), reply(body, status)
    for read in (
        lambda: made.read_submit(order("gemini-omni-1.1-flash"), any_reply),
        lambda: made.read_poll(TAKEN, any_reply),
        lambda: made.read_error(any_reply),
    ):
        with suppress(NexiomError):
            read()
