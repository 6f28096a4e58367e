"""The migration behind Supabase's own small server, driven over HTTP as an app does; skipped without node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lite_rig import lite
from supabase_steps import (
    FrontEnd,
    Project,
    a_job_goes_from_the_app_to_a_worker_and_back,
    a_video_is_made_stored_and_shown_to_its_owner,
    media_belong_to_the_folder_of_their_owner,
    signed_up,
)

pytestmark = pytest.mark.timeout(600)  # npm may have to install it first


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with lite(tmp_path_factory.mktemp("project")) as project:
        yield project


async def test_everything_that_an_app_and_a_worker_do(project: Project, tmp_path: Path) -> None:
    alice, bob = await signed_up(project), await signed_up(project)
    stranger, worker = FrontEnd(project), FrontEnd(project, secret=True)
    try:
        await a_job_goes_from_the_app_to_a_worker_and_back(project, alice, bob, stranger)
        await media_belong_to_the_folder_of_their_owner(alice, bob, stranger, worker)
        await a_video_is_made_stored_and_shown_to_its_owner(project, tmp_path, alice, bob, stranger)
    finally:
        for one in (alice, bob, stranger, worker):
            await one.http.aclose()
