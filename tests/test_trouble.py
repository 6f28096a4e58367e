from __future__ import annotations

import pytest
from pydantic import JsonValue

from nexiom_sdk.errors import MissingCredentials, RateLimited
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.trouble import NO_TROUBLE, next_step_of, noted, trouble_of


def test_what_would_mend_it_is_told_only_where_somebody_has_to_mend_something() -> None:
    job = sample_job(VirtualClock())
    key = noted(job, MissingCredentials("acme has no key.", next_step="Set ACME_API_KEY, then wake JOB."))
    assert (trouble_of(key), next_step_of(key)) == ("acme has no key.", f"Set ACME_API_KEY, then wake {job.id}.")
    busy = noted(key, RateLimited("busy", next_step="Wait."), "acme: busy")
    assert (trouble_of(busy), next_step_of(busy)) == ("acme: busy", "")
    well = busy.with_metadata(**NO_TROUBLE)
    assert (trouble_of(well), next_step_of(well)) == ("", "")


@pytest.mark.parametrize("stored", [3, ["x"], None])
def test_what_somebody_wrote_by_hand_is_no_trouble(stored: JsonValue) -> None:
    job = sample_job(VirtualClock()).with_metadata(trouble=stored, trouble_next_step=stored)
    assert (trouble_of(job), next_step_of(job)) == ("", "")
