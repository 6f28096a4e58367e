from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.backends.supabase_errors import refused
from nexiom_sdk.errors import ObjectNotFound, StorageUnavailable

URL, KEY = "https://abc.supabase.co", "outputs/u1/j1/0.mp4"


def said(status: str, error: str, message: str = "no", **more: str) -> str:
    return json.dumps({"statusCode": status, "error": error, "message": message, **more})


@pytest.mark.parametrize("body", [said("404", "not_found"), said("404", "Not Found", code="NoSuchKey")])
@pytest.mark.parametrize("status", [400, 404])
def test_an_object_that_is_not_there_is_not_found(status: int, body: str) -> None:
    error = refused(status, body, base_url=URL, about=KEY)
    assert isinstance(error, ObjectNotFound)
    assert KEY in error.message


@pytest.mark.parametrize(
    ("status", "body", "step"),
    [
        (400, said("404", "Bucket not found"), "nexiom migrate --apply"),
        (400, said("404", "Not Found", code="NoSuchBucket"), "nexiom migrate --apply"),
        (400, said("413", "Payload too large", "The object exceeded the maximum allowed size"), "limit on file sizes"),
        (413, "<html>too large</html>", "limit on file sizes"),
        (400, said("400", "InvalidKey", code="InvalidKey"), "NEXIOM_STORE_URL"),
        (400, said("415", "invalid_mime_type", code="InvalidMimeType"), "bucket 'outputs'"),
        (400, said("403", "Unauthorized", code="AccessDenied"), "NEXIOM_SUPABASE_SECRET_KEY"),
        (400, said("403", "Forbidden"), "NEXIOM_SUPABASE_SECRET_KEY"),
        (400, said("503", "Down"), "Wait until"),
        (401, '{"message": "Invalid API key"}', "NEXIOM_SUPABASE_SECRET_KEY"),
        (429, said("429", "too_many_connections", code="SlowDown"), "Wait until"),
        (544, said("544", "DatabaseTimeout"), "Wait until"),
        (500, said("500", "server_error"), "Wait until"),
        (502, "<html>bad gateway</html>", "Wait until"),
        (404, "<html>not found</html>", "NEXIOM_SUPABASE_URL"),
        (302, "", "NEXIOM_SUPABASE_URL"),
    ],
)
def test_every_other_refusal_says_what_is_to_be_done_and_that_jobs_go_on(status: int, body: str, step: str) -> None:
    error = refused(status, body, base_url=URL, about=KEY)
    assert isinstance(error, StorageUnavailable)
    assert step in error.next_step
    assert "jobs stay as they are" in error.next_step
    assert URL in error.message


def test_a_bucket_of_somebody_elses_is_not_made_by_our_migration() -> None:
    error = refused(400, said("404", "Bucket not found"), base_url=URL, about="photos/x.png")
    assert "Make the bucket 'photos'" in error.next_step


@given(status=st.integers(201, 599), body=st.text() | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_any_answer_becomes_a_sentence(status: int, body: str) -> None:
    error = refused(status, body, base_url=URL, about=KEY)
    assert len(error.message) < 400
    assert not any(unicodedata.category(one) in {"Cc", "Cf"} for one in error.message if one != "\u200d")


@pytest.mark.parametrize("status", ["9" * 5000, "-1", "4٠4", "40", "999"])
def test_a_status_that_is_none_is_not_believed(status: str) -> None:
    assert "(400)" in refused(400, said(status, "odd"), base_url=URL, about=KEY).message
