"""What the user of an app reads when a job fails, code by code, and what whoever runs the app goes on reading."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk import GenerationJob, Settings, Studio, moves
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.errors import (
    FAILURE_CODES,
    AuthenticationFailed,
    BudgetExceeded,
    ConfigurationError,
    InvalidInput,
    NexiomError,
    NoCandidate,
    PluginError,
    QuotaExhausted,
    StorageError,
    StorageUnavailable,
    SubmissionUncertain,
    UnsupportedFeature,
    code_of,
)
from nexiom_sdk.phases import JobStatus
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.user_words import told_to_user
from rig import Rig

RigOf = Callable[..., Rig]

# What an adapter, a store or a provider may say at the worst.
OPERATORS_TALK = (
    "No key (set ACME_API_KEY or NEXIOM_BUDGET_USD_PER_DAY), see /var/lib/nexiom/spool/j1.\n"
    "Run `nexiom jobs list`; pip install 'nexiom_sdk[postgres]'. The budget of $40.00 a day is used up: $39.71. "
    "ValueError in C:\\jobs, use Media.from_file(x)\x1b[31m\u202e \x00"
)
OPERATORS_STEP = "Set NEXIOM_HOME, raise the budget, or install the package."

READ: Mapping[str, str] = {
    "invalid_input": "The request cannot be carried out as it is. Nothing was charged. Change it and try again.",
    "unsupported_feature": "The request cannot be carried out as it is. Nothing was charged. Change it and try again.",
    "content_rejected": (
        "The provider's moderation refused this content. Nothing was charged. Change the prompt or the reference media."
    ),
    "authentication_failed": (
        "This app cannot use the provider that this video needs. Nothing was charged. "
        "Choose another provider, or tell the people who run this app."
    ),
    "quota_exhausted": (
        "The provider takes no more orders of this app at present. Nothing was charged. "
        "Try again later, or choose another provider."
    ),
    "rate_limited": (
        "The provider has more to do than it can. Nothing was charged. Try again in a few minutes."
    ),
    "provider_unavailable": (
        "The provider cannot be reached, or cannot work at present. Nothing was charged. Try again later."
    ),
    "malformed_response": (
        "The provider's answer could not be read. It is not known whether the provider charged for it. "
        "Ask the people who run this app before you order it again."
    ),
    "model_retired": "The provider no longer offers this model. Nothing was charged. Choose another model.",
    "generation_failed": (
        "The provider could not make the video. It is not known whether the provider charged for it. "
        "Change the request, or try again; each try is an order of its own."
    ),
    "result_expired": (
        "The video was made, but it can no longer be fetched. The provider has probably charged for it. "
        "Ask the people who run this app to look for it; a new order costs again."
    ),
    "result_invalid": (
        "What the provider delivered is not a complete, playable video. The provider has probably charged for it. "
        "Ask the people who run this app for help; a new order costs again."
    ),
    "unsafe_url": "An address was refused before it was opened. Nothing was charged. Use a public https address.",
    "response_too_large": (
        "What the provider sent is larger than this app takes. It is not known whether the provider charged for it. "
        "Ask for a shorter video, or for a lower resolution."
    ),
    "timed_out": (
        "The provider did not finish in time. It is not known whether the provider charged for it. "
        "If it still does, the video comes by itself."
    ),
    "cancelled": "The job was cancelled. Nothing was charged. Submit it again if it is still wanted.",
    "store_unavailable": (
        "The files or the data of this app cannot be used at present. Nothing was charged. "
        "Try again later; if it stays so, tell the people who run this app."
    ),
    "budget_exceeded": (
        "This app takes no more orders like this one at present. Nothing was charged. "
        "Try again later, or ask for a shorter or less expensive video."
    ),
    "plugin_error": (
        "A part of this app does not work as it should. Nothing was charged. Tell the people who run this app."
    ),
}  # fmt: skip
UNCERTAIN = "submission_uncertain"
CLASS_NAMES = "|".join({*(kind.__name__ for kind in FAILURE_CODES.values()), "ValueError", "NexiomError"})


def _plain(text: str) -> bool:
    """Whether it holds no variable, command, path, figure of a budget, class name or control character."""
    operators = rf"[A-Z]_[A-Z]|`|nexiom|install|/\w+/|[A-Z]:\\|\$\d|\b(?:{CLASS_NAMES})\b|Media"
    return text.isprintable() and re.search(operators, text) is None


def test_the_table_has_every_code() -> None:
    assert {*READ, UNCERTAIN} == set(FAILURE_CODES)


@pytest.mark.parametrize("code", READ)
def test_for_each_code_the_user_reads_what_happened_the_money_and_a_step_in_plain_words(code: str) -> None:
    error = FAILURE_CODES[code](OPERATORS_TALK, next_step=OPERATORS_STEP)
    assert told_to_user(error, ordered=False) == READ[code]
    assert _plain(READ[code])
    assert _plain(told_to_user(FAILURE_CODES[code](), ordered=True)), "nor is there any in the defaults"


@pytest.mark.parametrize("code", FAILURE_CODES)
def test_a_later_process_raises_what_whoever_runs_the_app_needs(code: str, clock: VirtualClock) -> None:
    error = FAILURE_CODES[code](OPERATORS_TALK, next_step=f"{OPERATORS_STEP} `nexiom jobs show JOB`")
    before = sample_job(clock)
    job = GenerationJob.model_validate_json(moves.failed(before, error, now=clock.now()).model_dump_json())
    again = job.failure()
    assert (type(again), again.message, again.charged) == (type(error), OPERATORS_TALK, error.charged)
    assert again.next_step == f"{OPERATORS_STEP} `nexiom jobs show {job.id}`"
    assert job.error_code == code


def test_an_order_of_which_nobody_knows_keeps_its_next_step() -> None:
    error = SubmissionUncertain(f"The order was sent to acme and its answer was lost. {OPERATORS_TALK}")
    told = told_to_user(error, ordered=True)
    assert told == (
        "The order was sent to acme and its answer was lost. It is not known whether the provider charged for it. "
        f"{SubmissionUncertain.default_next_step}"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError("Set ACME_KEY."), "The video could not be made. Nothing was charged. Try again later; "),
        (StorageError("/data is full."), "The files or the data of this app cannot be used at present. Nothing was "),
        (NoCandidate("No model fits this request:\n  acme/a1: takes 4 or 8 s\n  bolt/b1: set BOLT_KEY\n"),
         "No model fits this request: acme/a1: takes 4 or 8 s. Nothing was charged. Change it and try again."),
        (InvalidInput("The image 'u1/fox.png' is empty.", next_step="Save it as JPEG."),
         "The image 'u1/fox.png' is empty. Nothing was charged. Save it as JPEG."),
        (InvalidInput("It is too large", next_step="Scale it down. Or set NEXIOM_MEDIA_ROOTS."),
         "It is too large. Nothing was charged. Scale it down."),
        (UnsupportedFeature("a1 takes no sound; see https://acme.example/v1/docs?key=abc"),
         "a1 takes no sound; see https://acme.example/v1/docs?***. Nothing was charged. Ask for one of the values "),
    ],
)  # fmt: skip
def test_what_its_user_can_act_on_is_said_as_it_is(error: NexiomError, words: str) -> None:
    assert told_to_user(error, ordered=False).startswith(words)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("The parameter `duration` is not valid: expected an integer from 4 to 15. Request id: 0217a.", None),
        ("The reference image(s) are too large, and so are two box(es).", None),
        ("The model reported RAI_FILTERED: a likeness of somebody known.", None),
        ("It takes `9:16` or `16:9`.", None),
        ("Set `duration` to 8 or ACME_API_KEY to another.", ""),
        ("Set ACME_APP_SECRET.", ""),
        ("Set ACME_BASE_URL.", ""),
        ("Set GOOGLE_APPLICATION_CREDENTIALS.", ""),
        ("Set NEXIOM_HOME.", ""),
        ("Say `pip uninstall it`.", ""),
        ("Say `export X=1`.", ""),
        ("Call submit(x), or sorted(s).", ""),
        ("See /etc/acme/conf. Request id: 02179537971200aa", ""),
        ("Read /etc/acme/conf. request_id=02179537971200aa.", ""),
    ],
)
def test_a_reason_is_kept_and_what_is_for_operators_is_not(said: str, read: str | None) -> None:
    told = told_to_user(InvalidInput(said), ordered=False)
    kept = said if read is None else "The request cannot be carried out as it is."
    assert told.startswith(f"{kept} Nothing was charged.")


def test_of_an_uncertain_order_the_first_lines_are_for_its_user() -> None:
    error = SubmissionUncertain(
        'acme took the order and named it o1.\nindex "paid_once" is full.',
        next_step="`nexiom jobs resubmit JOB` orders it again.\nThe answer is kept in /var/lib/a. dir/answers.",
        charged="yes",
    )
    assert told_to_user(error, ordered=True) == (
        "acme took the order and named it o1. The provider has probably charged for it. "
        "`nexiom jobs resubmit JOB` orders it again."
    )


@given(st.sampled_from(sorted(FAILURE_CODES)), st.text(max_size=3000), st.text(max_size=3000), st.booleans())
def test_whatever_a_stranger_says_the_row_gets_a_short_printable_line(
    code: str, message: str, step: str, ordered: bool
) -> None:
    told = told_to_user(FAILURE_CODES[code](message, next_step=step), ordered=ordered)
    assert "\n" not in told
    assert re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told) is None
    assert len(told) < 900 or code == UNCERTAIN
    assert told.count("charged") >= 1


def test_a_long_complaint_is_cut() -> None:
    assert len(told_to_user(InvalidInput("a word " * 5000, next_step="do this " * 5000), ordered=False)) < 900


@pytest.mark.parametrize("ordered", [False, True])
def test_where_the_error_does_not_know_of_the_money_what_was_ordered_decides(ordered: bool) -> None:
    told = told_to_user(PluginError("broken"), ordered=ordered)
    assert ("Nothing was charged." in told) is not ordered
    assert ("It is not known" in told) is ordered


async def test_the_row_is_for_its_user_and_the_log_for_whoever_runs_the_app(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    error = AuthenticationFailed("acme does not accept ACME_API_KEY for 'a fox in snow'.", provider="acme")
    rig = rig_of(FakeProvider("acme", clock=clock).refuse(error))
    with caplog.at_level(logging.WARNING, logger="nexiom_sdk"):
        job = await rig.steps(await rig.submitted())
    assert job.error_message == READ["authentication_failed"]
    [record] = [one for one in caplog.records if getattr(one, "action", "") == "job_failed"]
    assert "ACME_API_KEY" in record.getMessage()
    assert AuthenticationFailed.default_next_step in record.getMessage()
    assert "a fox in snow" not in record.getMessage(), "prompts stay out of logs"


async def test_another_process_asks_for_the_result_and_gets_the_error_with_the_operators_next_step(
    tmp_path: Path, clock: VirtualClock
) -> None:
    first = SqliteRepository(tmp_path / "jobs.db")
    error = QuotaExhausted("acme has no credit left.", next_step="Set ACME_ACCOUNT, then `nexiom jobs resubmit JOB`.")
    job = sample_job(clock, client_key=None)
    await first.add(job)
    assert await first.save(moves.failed(job, error, now=clock.now()), fence=job.fence)
    await first.aclose()
    again = SqliteRepository(tmp_path / "jobs.db")
    async with Studio(settings=Settings(home=tmp_path), repository=again, store=MemoryStore()) as studio:
        row = await studio.get(job.id)
        with pytest.raises(QuotaExhausted) as caught:
            await studio.result(row)
    await again.aclose()
    assert (row.status, row.error_message) == (JobStatus.FAILED, READ["quota_exhausted"])
    assert caught.value.message == "acme has no credit left."
    assert caught.value.next_step == f"Set ACME_ACCOUNT, then `nexiom jobs resubmit {job.id}`."


def test_errors_without_a_code_of_their_own_have_words_too() -> None:
    for error in (ConfigurationError("/x"), BudgetExceeded("$4"), StorageUnavailable("/x"), NexiomError("`x`")):
        assert code_of(error) in FAILURE_CODES
        assert _plain(told_to_user(error, ordered=False))
