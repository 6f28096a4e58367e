from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.backends import outside_rows
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.jobs import UNFIT, GenerationJob
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.sample_jobs import any_job, columns, sample_job

_json: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def row_of(**columns: object) -> Mapping[str, object]:
    """A row as an app inserts it, with the defaults of the table."""
    job = sample_job(VirtualClock(), provider=None, model=None, provider_metadata={})
    return {**job.model_dump(), "request": {}, **columns}


def test_the_prompt_of_the_column_is_the_requests_where_it_has_none() -> None:
    job = outside_rows.job_of(row_of(prompt="a boat at dawn", request={"resolution": "720p"}))
    assert (job.request.prompt, job.request.resolution) == ("a boat at dawn", "720p")
    assert UNFIT not in job.provider_metadata


def test_a_prompt_that_only_the_request_has_is_the_rows() -> None:
    job = outside_rows.job_of(row_of(prompt=None, request={"prompt": "a boat at dawn"}))
    assert (job.prompt, job.request.prompt) == ("a boat at dawn", "a boat at dawn")
    assert UNFIT not in job.provider_metadata


@pytest.mark.parametrize("asked", [{}, [], None, {"prompt": None}, {"prompt": 5}])
def test_a_row_without_any_prompt_is_readable_and_says_so(asked: object) -> None:
    job = outside_rows.job_of(row_of(prompt=None, request=asked))
    assert job.prompt == ""
    assert UNFIT in job.provider_metadata


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"resolution": "9p"}, "resolution"),
        ({"sky": "blue"}, "There is no field 'sky'"),
        ({"prompt": " "}, "The prompt is empty"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"media": [{"role": "first_frame"}]}, "exactly one of"),
        ([], "no JSON object"),
        ("x", "no JSON object"),
        (None, "no JSON object"),
        ('{"seed": ' + "9" * 5000 + "}", "no JSON object"),
        ("[" * 5000 + "]" * 5000, "no JSON object"),
        ('{"max_cost_usd": 1e400}', "max_cost_usd"),
    ],
)
def test_a_request_that_makes_no_sense_is_readable_and_says_why(asked: object, words: str) -> None:
    job = outside_rows.job_of(row_of(request=asked))
    assert words in str(job.provider_metadata[UNFIT])
    assert job.prompt == "a fox in snow"


@pytest.mark.parametrize(
    "odd", [{"type": "image", "status": "DONE"}, {"type": None}, {"type": "audio", "status": None}]
)
def test_a_row_of_another_type_that_cannot_be_read_is_said_to_be_none_of_ours(odd: Mapping[str, object]) -> None:
    row = row_of(phase="unknown", **odd)
    with pytest.raises(StorageUnavailable, match="is no video: it is none of this library's jobs") as error:
        outside_rows.job_of(row)
    assert error.value.job_id == row["id"]
    assert "changed" not in str(error.value)


@pytest.mark.parametrize(
    "change", [{"phase": "waiting", "provider_job_id": "v1"}, {"provider_metadata": {"choice": {}}}]
)
def test_a_row_of_our_own_that_somebody_broke_is_not_taken_for_a_wish(change: Mapping[str, object]) -> None:
    with pytest.raises(StorageUnavailable, match="resolution"):
        outside_rows.job_of(row_of(request={"resolution": "9p"}, **change))


@pytest.mark.parametrize("seconds", [Decimal("1e400"), Decimal("1e-400"), Decimal(0)], ids=str)
def test_a_length_that_no_clip_can_have_is_said_and_not_kept(seconds: Decimal) -> None:
    job = outside_rows.job_of(row_of(duration_seconds=seconds))
    assert "duration_seconds must be" in str(job.provider_metadata[UNFIT])
    assert job.duration_seconds is None


def test_a_wish_that_failed_stays_readable() -> None:
    failed = outside_rows.job_of(row_of(request=[], phase="done", status="failed", provider_metadata={UNFIT: "Why."}))
    assert (failed.phase, failed.provider_metadata[UNFIT]) == ("done", "Why.")


def test_a_column_that_no_job_can_have_is_no_wish_either() -> None:
    with pytest.raises(StorageUnavailable, match="status"):
        outside_rows.job_of(row_of(status="gone"))


@given(asked=_json, prompt=st.text(max_size=9))
def test_whatever_an_app_asks_can_be_read(asked: object, prompt: str) -> None:
    job = outside_rows.job_of(row_of(request=asked, prompt=prompt))
    assert job.prompt == prompt
    assert UNFIT in job.provider_metadata or job.request.prompt.strip()


@given(job=any_job())
def test_a_row_that_we_wrote_is_read_as_it_was_written(job: GenerationJob) -> None:
    assert columns(outside_rows.job_of(job.model_dump())) == columns(job)
