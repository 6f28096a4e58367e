from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import FAILURE_CODES, NexiomError
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from veo_rig import FIXTURES, OPERATION, order, recorded, reply, veo

HELD = "https://storage.googleapis.com/storage/v1/b/demo-bucket/o"
CLIP = base64.b64decode("AAAAGGZ0eXBtcDQyAAAAAG1wNDJpc29t")
REASON = (
    "Veo could not generate videos because the input image violates Vertex AI's usage guidelines. "
    "If you think this was an error, send feedback. Support codes: 15236754"
)
POLLS: Mapping[str, Poll] = {
    "vertex_poll_running": Running(),
    "vertex_poll_succeeded_gcs": Succeeded(
        assets=(Asset(url=f"{HELD}/veo%2F1234567890%2Fsample_0.mp4?alt=media", needs_auth=True),)
    ),
    "vertex_poll_succeeded_bytes": Succeeded(assets=(Asset(data=CLIP),)),
    "vertex_poll_moderated": Failed(code="content_rejected", message=f"Google filtered 1 of 1 videos. {REASON}"),
    "vertex_poll_moderated_error": Failed(
        code="content_rejected",
        message="The prompt could not be submitted. It contains words that violate Vertex AI's usage guidelines. "
        "Support codes: 58061214",
    ),
    "vertex_poll_failed": Failed(code="generation_failed", message="Internal error encountered. Please try again."),
    "vertex_poll_cancelled": Cancelled(reason="The operation was cancelled."),
}


def said(body: object) -> Poll:
    outcome = veo().read_poll(Operation(id=OPERATION), reply(body))
    assert isinstance(outcome, Poll)
    return outcome


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_operation_means_what_the_documentation_says(name: str) -> None:
    assert veo().read_poll(Operation(id=OPERATION), recorded(name)) == POLLS[name]


def test_every_recorded_operation_is_read() -> None:
    assert {file.stem for file in FIXTURES.glob("vertex_poll_*.json")} - {"vertex_poll_request"} == {*POLLS}


@pytest.mark.parametrize("body", [{}, {"name": OPERATION}, {"done": False}, {"done": None, "response": {}}])
def test_what_does_not_say_that_it_is_done_runs(body: object) -> None:
    assert said(body) == Running()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (3, "Unsupported duration", "invalid_input"),
        (3, "It has sensitive words", "content_rejected"),
        (4, "Deadline", "generation_failed"),
        (8, "Quota", "quota_exhausted"),
        (13, "Internal", "generation_failed"),
        (14, "violates the usage guidelines", "generation_failed"),
        (99, "?", "generation_failed"),
        (None, None, "generation_failed"),
    ],
)
def test_the_code_of_an_error_has_its_meaning(code: object, message: object, expected: str) -> None:
    outcome = said({"done": True, "error": {"code": code, "message": message}})
    assert isinstance(outcome, Failed)
    assert (outcome.code, bool(outcome.message), outcome.charged) == (expected, True, None)
    assert outcome.code in FAILURE_CODES


def test_some_videos_and_some_filtered_is_a_success_with_a_warning() -> None:
    response = {"videos": [{"gcsUri": "gs://b/a b.mp4"}], "raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["no"]}
    outcome = said({"done": True, "response": response})
    assert isinstance(outcome, Succeeded)
    assert outcome.warnings == ("Google filtered 1 of 2 videos. no",)
    assert [asset.url for asset in outcome.assets] == [
        "https://storage.googleapis.com/storage/v1/b/b/o/a%20b.mp4?alt=media"
    ]


def test_filtered_without_a_count_is_filtered_too() -> None:
    outcome = said({"done": True, "response": {"raiMediaFilteredReasons": ["no", None]}})
    assert outcome == Failed(code="content_rejected", message="Google filtered 1 of 1 videos. no")


def test_the_older_name_of_the_list_is_read_too() -> None:
    samples = [{"video": {"uri": "gs://b/o.mp4"}}, {"video": {"bytesBase64Encoded": "AAAA"}}, None, {}]
    outcome = said({"done": True, "response": {"generatedSamples": samples}})
    assert isinstance(outcome, Succeeded)
    assert [(asset.url is not None, asset.data) for asset in outcome.assets] == [(True, None), (False, b"\0\0\0")]


@pytest.mark.parametrize("response", [None, {}, {"videos": []}, {"videos": [{}, None]}, {"videos": "no"}, 7], ids=repr)
def test_a_success_without_a_video_has_no_assets(response: object) -> None:
    assert said({"done": True, "response": response}) == Succeeded(assets=())


def test_a_video_elsewhere_is_fetched_without_our_token() -> None:
    outcome = said({"done": True, "response": {"videos": [{"gcsUri": "https://cdn.example/v.mp4"}]}})
    assert outcome == Succeeded(assets=(Asset(url="https://cdn.example/v.mp4"),))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["name", "done", "error", "code", "message", "response", "videos", "gcsUri", "video", "uri",
                         "bytesBase64Encoded", "raiMediaFilteredCount", "raiMediaFilteredReasons", "generatedSamples",
                         "details", "retryDelay", "status"]) | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
ENDED = st.fixed_dictionaries(
    {"done": st.sampled_from([True])},
    optional={"error": ANY_JSON, "response": st.fixed_dictionaries({"videos": ANY_JSON})},
)
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | ENDED).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = veo(), reply(body, status)
    for read in (
        lambda: made.read_submit(order(), any_reply),
        lambda: made.read_poll(Operation(id=OPERATION), any_reply),
        lambda: made.read_error(any_reply),
    ):
        with suppress(NexiomError):
            read()
