from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luma_rig import CLOCK, FIXTURES, recorded, reply
from nexiom_sdk.errors import FAILURE_CODES
from nexiom_sdk.providers.luma_generations import outcome_of
from nexiom_sdk.types import Asset, Failed, Poll, Running, Succeeded

LINK = "https://storage.example.com/generations/d290f1ee/output.mp4?X-Amz-"
SOON = CLOCK.now() + timedelta(hours=1)
OLDER_VIDEO = "https://storage.cdn-luma.com/dream_machine/5d1b2c60-0f5b-4f3e-9d07-bb0a3c1f77d4/0c4e2f1a_result.mp4"
POLLS: Mapping[str, Poll] = {
    "agents_poll_queued": Running(queued=True),
    "agents_poll_running": Running(),
    "agents_poll_succeeded": Succeeded(
        assets=(Asset(url=f"{LINK}Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=00", expires_at=SOON),)
    ),
    "agents_poll_succeeded_hdr_exr": Succeeded(
        assets=(Asset(url=f"{LINK}Expires=3600", expires_at=SOON),),
        warnings=("Luma also made exr, which is not fetched",),
    ),
    "agents_poll_failed": Failed(code="generation_failed", message="Generation failed"),
    "agents_poll_moderated": Failed(
        code="content_rejected", message="Generation output was flagged by our content moderation system."
    ),
    "agents_poll_budget_exhausted": Failed(
        code="quota_exhausted", message="Insufficient credits to complete this generation."
    ),
    "agents_poll_corrupt_input": Failed(code="invalid_input", message="Input media could not be decoded"),
    "dm_poll_queued": Running(queued=True),
    "dm_poll_running": Running(),
    "dm_poll_succeeded": Succeeded(assets=(Asset(url=OLDER_VIDEO),)),
    "dm_poll_failed": Failed(code="generation_failed", message="Job failed"),
    "dm_poll_moderated": Failed(code="content_rejected", message="Advanced prompt moderation failed"),
    "dm_poll_moderated_frame": Failed(code="content_rejected", message="Frame moderation failed"),
    "dm_poll_input_unreadable": Failed(code="invalid_input", message="Failed to read user input frames"),
}


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_generation_means_what_the_documentation_says(name: str) -> None:
    assert outcome_of(recorded(name)) == POLLS[name]


def test_every_recorded_generation_is_read() -> None:
    assert {file.stem for file in FIXTURES.glob("*_poll_*.json")} == {*POLLS}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Contains blacklisted words", "content_rejected"),
        ("Prompt not allowed", "content_rejected"),
        ("Image contains IP", "content_rejected"),
        ("INSUFFICIENT CREDITS", "quota_exhausted"),
        ("Prompt processing failed", "generation_failed"),
        ("Error dispatching job", "generation_failed"),
        (None, "generation_failed"),
    ],
)
def test_a_failure_without_a_code_is_known_by_its_words(text: str | None, code: str) -> None:
    outcome = outcome_of(reply({"id": "x", "state": "failed", "failure_reason": text}))
    assert isinstance(outcome, Failed)
    assert (outcome.code, bool(outcome.message), outcome.charged) == (code, True, None)
    assert outcome.code in FAILURE_CODES


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("output_not_found", "generation_failed"),
        ("rate_limited", "rate_limited"),
        ("image_too_large", "invalid_input"),
        ("unsupported_format", "invalid_input"),
        ("invalid_request", "invalid_input"),
        ("never_heard_of", "generation_failed"),
    ],
)
def test_a_failure_code_has_its_meaning(code: str, expected: str) -> None:
    outcome = outcome_of(reply({"id": "x", "state": "failed", "failure_code": code}))
    assert isinstance(outcome, Failed)
    assert outcome.code == expected
    assert outcome.code in FAILURE_CODES


@pytest.mark.parametrize(
    "nothing",
    [{}, {"output": []}, {"output": None}, {"output": [{"type": "video", "url": None}]}, {"assets": {"video": None}}],
    ids=str,
)
def test_a_success_without_a_file_has_no_assets(nothing: dict[str, object]) -> None:
    assert outcome_of(reply({"id": "x", "state": "completed", **nothing})) == Succeeded(assets=())


def test_a_link_needs_no_key_and_ends_an_hour_after_the_look() -> None:
    outcome = outcome_of(recorded("agents_poll_succeeded"))
    assert isinstance(outcome, Succeeded)
    assert (outcome.assets[0].needs_auth, outcome.assets[0].expires_at) == (False, SOON)


@given(st.text(max_size=30).filter(lambda word: word not in {"queued", "completed", "failed"}))
def test_a_state_that_is_not_known_is_running(word: str) -> None:
    assert outcome_of(reply({"id": "x", "state": word})) == Running()


def test_a_state_that_is_not_known_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        outcome_of(reply({"id": "x", "state": "upscaling"}))
    told = [vars(record)["action"] for record in caplog.records if "upscaling" in record.getMessage()]
    assert told == ["unknown_status"]
