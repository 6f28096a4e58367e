"""Rows that an app inserts itself, over the columns that Supabase's policy lets it write, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from media_rig import FOX
from nexiom_sdk import GenerationJob, Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.errors import MissingCredentials, UnknownProvider
from nexiom_sdk.events import Event, ModelChosen
from nexiom_sdk.governance import Budget, Governance
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.storage import in_chunks, input_key
from nexiom_sdk.testing import FakeProvider, fake_card
from nexiom_sdk.types import Choice
from postgres_rig import url
from rig import policy_over

__all__ = ["url"]  # a fixture


class App:
    """An app that inserts rows, and a studio that works on them."""

    def __init__(self, url: str, home: Path, fake: FakeProvider, **settings: object) -> None:
        self.url, self.fake = url, fake
        self.events: list[Event] = []
        registry = ProviderRegistry(entry_points=[])
        registry.register(fake.name, lambda config, /, *, http=None: fake)
        self.repository = PostgresRepository(url)
        self.store = MemoryStore()
        self.studio = Studio(
            settings=Settings(home=home, **settings),  # type: ignore[arg-type]
            repository=self.repository,
            store=self.store,
            registry=registry,
            policy=policy_over(*(f"{fake.name}/{card.model}" for card in fake.models)),
            sinks=[self.events.append],
        )

    def insert(self, **columns: object) -> str:
        """A wish, as the app writes it."""
        values = {"prompt": "a fox in snow", **columns}
        if "request" in values:
            values["request"] = json.dumps(values["request"])
        with psycopg.connect(self.url, autocommit=True) as db:
            names = sql.SQL(", ").join(map(sql.Identifier, values))
            marks = sql.SQL(", ").join(map(sql.Placeholder, values))
            statement = sql.SQL("insert into generation_jobs ({}) values ({}) returning id").format(names, marks)
            return str(db.execute(statement, values).fetchone()[0])  # type: ignore[index]


@pytest.fixture
async def app(url: str, tmp_path: Path) -> AsyncIterator[App]:
    app = App(url, tmp_path, FakeProvider("acme", models=(fake_card(typical_seconds=0.01, min_poll_seconds=0.01),)))
    yield app
    await app.repository.aclose()


async def first_step(app: App, **columns: object) -> GenerationJob:
    return await app.studio.advance(app.insert(**columns))


async def test_a_wish_becomes_what_submit_would_have_written(app: App) -> None:
    app.fake.hang()
    columns = {"quality_tier": "cinematic", "duration_seconds": 4, "client_key": "tap-1", "user_id": "u1"}
    job = await first_step(app, **columns, request={"resolution": "720p", "strict": False})
    wish = VideoRequest(
        prompt="a fox in snow", quality_tier="cinematic", duration_seconds=4.0, resolution="720p", strict=False
    )
    ordered = await app.studio.submit(wish, user_id="u1", defer=True)
    assert job.phase is Phase.WAITING
    assert job.request == ordered.request == wish
    for name in ("provider", "model", "duration_seconds", "quality_tier", "estimated_cost_usd", "user_id", "choice"):
        assert getattr(job, name) == getattr(ordered, name), name
    assert [event.job_id for event in app.events if isinstance(event, ModelChosen)] == [job.id, ordered.id]


async def test_a_wish_is_made_into_a_video(app: App) -> None:
    app.fake.succeed()
    job_id = app.insert(user_id="u1")
    result = await app.studio.wait(job_id, timeout_seconds=30)
    assert result.path.startswith(f"u1/{job_id}/")
    assert len(app.fake.submissions) == 1


async def test_a_second_process_goes_on_with_the_whole_request(app: App, url: str) -> None:
    app.fake.hang()
    job = await first_step(app, request={"aspect_ratio": "1:1"}, provider="acme")
    other = PostgresRepository(url)
    read = await other.get(job.id)
    await other.aclose()
    assert read is not None
    assert (read.request.aspect_ratio, read.request.provider, read.request.prompt) == ("1:1", "acme", "a fox in snow")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"request": {"resolution": "9p"}}, "resolution"),
        ({"request": {"prompt": "something else"}}, "prompt say different things"),
        ({"duration_seconds": 5, "request": {"duration_seconds": 8}}, "duration_seconds say different things"),
        ({"provider": "acme", "request": {"provider": "other"}}, "provider say different things"),
        ({"prompt": ""}, "empty"),
        ({"request": {"media": [{"file": "/etc/hostname"}]}}, "neither in the folder"),
        ({"request": {"media": [{"data": "eHg="}]}}, "neither in the folder"),
        ({"request": {"media": [{"url": "gs://bucket/secret.png"}]}}, "neither in the folder"),
        ({"request": {"media": [{"url": "https://127.0.0.1/a.png"}]}}, "127.0.0.1"),
        ({"user_id": "u1", "reference_media_path": "u2/fox.png"}, "neither in the folder"),
        ({"user_id": "u1", "reference_media_path": "u10/fox.png"}, "neither in the folder"),
        ({"user_id": "u1", "reference_media_path": "u1/../u2/fox.png"}, "u1/../u2"),
        ({"user_id": "u1", "reference_media_path": "u1/fox.png"}, "There is no reference"),
        ({"user_id": "a/b"}, "cannot be the name of a folder"),
        ({"request": {"options": {"acme": {"n": 50}}}}, "options"),
        ({"duration_seconds": 3601}, "3600"),
        ({"duration_seconds": Decimal("1e400")}, "duration_seconds must be"),
        ({"duration_seconds": Decimal("1e-400")}, "duration_seconds must be"),
        ({"request": {"seed": int("9" * 4000)}}, "seed"),
        ({"duration_seconds": 900}, "No model fits"),
    ],
)
async def test_a_wish_that_cannot_be_carried_out_fails_in_words_for_its_user_and_costs_nothing(
    app: App, columns: Mapping[str, object], words: str
) -> None:
    job = await first_step(app, **columns)
    assert (job.status, job.phase, job.cost_usd) == (JobStatus.FAILED, Phase.DONE, Decimal(0))
    assert job.error_code in {"invalid_input", "unsafe_url"}
    assert words in str(job.error_message)
    assert app.fake.submissions == []


_AN_HOUR_LATER = """
    update generation_jobs set run_at = now(), provider_metadata =
        jsonb_set(provider_metadata, '{timing,not_set_up_since}', to_jsonb(now() - interval '61 minutes'))
"""


async def an_hour_later(app: App, job: GenerationJob) -> GenerationJob:
    with psycopg.connect(app.url, autocommit=True) as db:
        db.execute(_AN_HOUR_LATER)
    return await app.studio.advance(job.id)


async def test_a_wish_for_a_provider_that_no_machine_has_waits_and_then_says_so(app: App) -> None:
    job = await first_step(app, provider="nobody")
    assert (job.status, "nobody" in str(job.provider_metadata["trouble"])) == (JobStatus.PENDING, True)
    job = await an_hour_later(app, job)
    assert (job.status, job.error_code, job.cost_usd) == (JobStatus.FAILED, "invalid_input", Decimal(0))
    assert job.error_message == (
        "There is no provider 'nobody'. Known: acme. Nothing was charged. Change it and try again."
    )
    assert job.failure().next_step == UnknownProvider.default_next_step


@pytest.mark.parametrize("columns", [{"model": "fake-l"}, {"provider": "acme", "model": "fake-l"}])
async def test_a_misspelt_model_in_a_row_is_an_invalid_wish_and_the_row_says_which_one(
    app: App, columns: Mapping[str, object]
) -> None:
    job = await first_step(app, **columns)
    assert job.error_code == "invalid_input"
    assert f"'{[*columns.values()][-1]}'" in str(job.error_message) or "acme/fake-l" in str(job.error_message)
    assert "`" not in str(job.error_message)


@pytest.mark.parametrize("name", ["a\nb\x1b[31m", "x" * 900, "\u202eacme", "../../etc/passwd", ""])
async def test_a_name_of_a_stranger_is_shown_short_and_printable(app: App, name: str) -> None:
    for job in (await an_hour_later(app, await first_step(app, provider=name)), await first_step(app, model=name)):
        assert job.error_code == "invalid_input"
        assert str(job.error_message).isprintable()
        assert len(str(job.error_message)) < 400


async def test_a_wish_waits_for_a_provider_to_be_set_up_but_not_for_ever(
    app: App, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_key(request: VideoRequest, *, addresses: bool, role: str) -> Choice:
        raise MissingCredentials("No provider is set up.")

    choose = app.studio._chooser.choose
    monkeypatch.setattr(app.studio._chooser, "choose", no_key)
    job = await first_step(app)
    assert (job.status, job.phase) == (JobStatus.PENDING, Phase.QUEUED)
    assert "not_set_up" in {getattr(record, "action", None) for record in caplog.records}
    with psycopg.connect(app.url, autocommit=True) as db:
        db.execute(_AN_HOUR_LATER)
    assert (await app.studio.advance(job.id)).error_code == "authentication_failed"
    later = await first_step(app)
    monkeypatch.setattr(app.studio._chooser, "choose", choose)
    app.studio.__dict__.pop("_intake"), app.studio.__dict__.pop("_engine")
    app.fake.hang()
    await app.repository.wake(later.id)
    assert (await app.studio.advance(later.id)).phase is Phase.WAITING


async def test_a_reference_in_the_users_own_folder_goes_to_the_provider(app: App) -> None:
    app.fake.hang()
    await app.store.put(input_key("u1/fox.png"), in_chunks(FOX), media_type="image/png")
    job = await first_step(app, user_id="u1", reference_media_path="u1/fox.png")
    assert job.phase is Phase.WAITING
    [submission] = app.fake.submissions
    assert [media.media_type for media in submission.spec.media] == ["image/png"]


async def test_wishes_are_held_to_the_budget_however_many_come_at_once(url: str, tmp_path: Path) -> None:
    app = App(url, tmp_path, FakeProvider("acme"), budget_usd_per_day=Decimal("1.00"))
    for _ in range(25):
        app.fake.hang()
    wishes = [app.insert() for _ in range(25)]
    jobs = await asyncio.gather(*(app.studio.advance(wish) for wish in wishes))
    await app.repository.aclose()
    taken = [job for job in jobs if job.phase is Phase.WAITING]
    assert len(taken) == len(app.fake.submissions) == Decimal("1.00") // (taken[0].estimated_cost_usd or 1)
    assert {job.error_code for job in jobs if job not in taken} == {"budget_exceeded"}


@pytest.mark.parametrize("poison", ['{"seed": ' + "9" * 5000 + "}", '{"x": ' + "[" * 3000 + "]" * 3000 + "}"])
async def test_a_request_that_cannot_even_be_read_fails_and_holds_up_nobody(app: App, poison: str) -> None:
    app.fake.hang()
    bad, good = app.insert(), app.insert()
    with psycopg.connect(app.url, autocommit=True) as db:
        db.execute("update generation_jobs set request = %s::text::jsonb where id = %s", (poison, bad))
    await app.studio.worker().run(once=True)
    assert (await app.studio.get(bad)).error_code == "invalid_input"
    assert (await app.studio.get(good)).phase is Phase.WAITING
    assert {job.id for job in await app.studio.jobs()} == {bad, good}


async def test_a_wish_counts_towards_the_budget_of_the_day_on_which_it_is_taken_in(url: str, tmp_path: Path) -> None:
    app = App(url, tmp_path, FakeProvider("acme"), budget_usd_per_day=Decimal("1.00"))
    for _ in range(9):
        app.fake.hang()
    wishes = [app.insert() for _ in range(9)]
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("update generation_jobs set created_at = now() - interval '1 day'")
    jobs = [await app.studio.advance(wish) for wish in wishes]
    await app.repository.aclose()
    price = next(job.estimated_cost_usd for job in jobs if job.phase is Phase.WAITING)
    assert len(app.fake.submissions) == Decimal("1.00") // (price or 1)


async def test_a_repository_that_cannot_take_orders_in_takes_a_row_without_a_choice_for_a_defect(
    rig_of: object,
) -> None:
    rig = rig_of(FakeProvider("acme"), plain=True)  # type: ignore[operator]
    job = await rig.submitted()
    await rig.repository.save(job.with_metadata(choice=None), fence=job.fence)
    failed = await rig.studio.advance(job.id)
    assert failed.status is JobStatus.FAILED
    assert "names no model" in failed.failure().message


@pytest.mark.parametrize("budget", [{"max_jobs": 2}, {"max_usd": Decimal("0.80")}], ids=["jobs", "money"])
async def test_wishes_that_are_refused_do_not_count_and_those_that_wait_do_not_either(
    url: str, tmp_path: Path, budget: dict[str, Decimal]
) -> None:
    app = App(url, tmp_path, FakeProvider("acme"))
    governance = Governance(budgets=(Budget(per="day", each="user", **budget),))  # type: ignore[arg-type]
    app.studio.__dict__["policy"] = app.studio.policy.evolve(governance=governance)
    for _ in range(3):
        app.fake.hang()
    app.insert(user_id="u1", prompt="")
    wishes = [app.insert(user_id="u1") for _ in range(4)]
    jobs = [await app.studio.advance(wish) for wish in wishes]
    await app.repository.aclose()
    assert [job.phase for job in jobs] == [Phase.WAITING, Phase.WAITING, Phase.DONE, Phase.DONE]
    assert all("Nothing was ordered" in job.failure().message for job in jobs[2:])
    told = "This app takes no more orders like this one at present. Nothing was charged."
    assert all(str(job.error_message).startswith(told) and "$" not in str(job.error_message) for job in jobs[2:])
