"""What a front end and a worker do with a project of Supabase, step by step, over HTTP and over its database."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from media_rig import FOX
from nexiom_sdk import Settings, Studio
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.supabase_storage import SupabaseStorage
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase

_LONGEST_WAIT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Project:
    """Where a project is, and its keys."""

    url: str
    publishable_key: str
    secret_key: str
    database_url: str


class FrontEnd:
    """An app in somebody's hands: it has the publishable key and, once signed in, a token."""

    def __init__(self, project: Project, *, token: str | None = None, user_id: str = "", secret: bool = False) -> None:
        key = project.secret_key if secret else project.publishable_key
        headers = {"apikey": key} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.user_id = user_id
        self.http = httpx.AsyncClient(base_url=project.url, headers=headers, timeout=_LONGEST_WAIT_SECONDS)

    async def file(self, **columns: object) -> httpx.Response:
        """Insert a job, and ask for its id."""
        return await self.http.post(
            "/rest/v1/generation_jobs?select=id,status,user_id",
            json=columns,
            headers={"Prefer": "return=representation"},
        )

    async def rows(self, columns: str) -> httpx.Response:
        return await self.http.get(f"/rest/v1/generation_jobs?select={columns}&order=created_at.desc&limit=5")

    async def call(self, function: str, **arguments: object) -> httpx.Response:
        return await self.http.post(f"/rest/v1/rpc/{function}", json=arguments)

    async def upload(self, at: str, *, media_type: str = "image/png", data: bytes = b"bytes") -> httpx.Response:
        return await self.http.post(f"/storage/v1/object/{at}", content=data, headers={"Content-Type": media_type})

    async def sign(self, at: str) -> httpx.Response:
        return await self.http.post(f"/storage/v1/object/sign/{at}", json={"expiresIn": 60})

    async def shown(self, at: str) -> httpx.Response:
        """What an app gets that signs an address itself and opens it."""
        signed: Mapping[str, str] = (await self.sign(at)).json()
        token = (signed.get("signedURL") or signed["signedUrl"]).partition("?token=")[2]
        async with httpx.AsyncClient(base_url=self.http.base_url, timeout=_LONGEST_WAIT_SECONDS) as anybody:
            return await anybody.get(f"/storage/v1/object/sign/{at}", params={"token": token})


async def signed_up(project: Project) -> FrontEnd:
    """A new user, where signing up needs no confirmation."""
    return await _with_token(project, "signup", f"{uuid.uuid4().hex}@example.com", uuid.uuid4().hex)


async def signed_in(project: Project, email: str, password: str) -> FrontEnd:
    """A user who is there already."""
    return await _with_token(project, "token?grant_type=password", email, password)


async def _with_token(project: Project, path: str, email: str, password: str) -> FrontEnd:
    async with httpx.AsyncClient(base_url=project.url, headers={"apikey": project.publishable_key}) as http:
        reply = await http.post(f"/auth/v1/{path}", json={"email": email, "password": password})
    assert reply.is_success, reply.text
    said: Mapping[str, Mapping[str, str]] = reply.json()
    return FrontEnd(project, token=str(said["access_token"]), user_id=said["user"]["id"])


def breaks(reply: httpx.Response, rule: str) -> bool:
    """Whether the server named the rule that the row breaks."""
    return reply.status_code >= 400 and f'"{rule}"' in reply.json()["message"]


def refused(reply: httpx.Response) -> bool:
    """Whether the server said that they may not."""
    return reply.status_code in {401, 403} and reply.json().get("code") == "42501"


async def a_job_goes_from_the_app_to_a_worker_and_back(
    project: Project, alice: FrontEnd, bob: FrontEnd, stranger: FrontEnd
) -> None:
    """Filed over REST, seen by its owner only, claimed and ended by a worker, seen again."""
    tap = uuid.uuid4().hex
    filed = await alice.file(type="video", prompt="a fox in snow", quality_tier="standard", client_key=tap)
    assert filed.status_code == 201, filed.text
    [row] = filed.json()
    assert (row["status"], row["user_id"]) == ("pending", alice.user_id)
    job_id = str(row["id"])
    assert refused(await stranger.file(type="video", prompt="a fox"))
    for column, value in {"user_id": bob.user_id, "phase": "done", "cost_usd": 0, "status": "completed"}.items():
        assert refused(await alice.file(type="video", prompt="a fox", **{column: value})), column
    hers_only = await alice.file(type="video", prompt="a fox", reference_media_path=f"{bob.user_id}/fox.png")
    assert breaks(hers_only, "nexiom_reference_in_own_folder")
    assert breaks(await alice.file(type="video", prompt=" "), "nexiom_prompt_not_blank")
    assert breaks(await alice.file(type="video", prompt="a fox", model="m" * 1001), "nexiom_names_at_most_1000_bytes")

    again = await alice.file(type="video", prompt="a fox in snow", quality_tier="standard", client_key=tap)
    assert (again.status_code, again.json()["code"]) == (409, "23505")
    held = await alice.http.get(f"/rest/v1/generation_jobs?select=id&type=eq.video&client_key=eq.{tap}")
    assert held.json() == [{"id": job_id}]
    assert (await bob.http.get(f"/rest/v1/generation_jobs?select=id&client_key=eq.{tap}")).json() == []

    assert job_id in {one["id"] for one in (await alice.rows("id,status,prompt")).json()}
    assert (await bob.rows("id")).json() == []
    assert refused(await stranger.rows("id"))
    for column in ("*", "cost_usd", "phase", "provider_metadata"):
        assert refused(await alice.rows(column)), column

    [polled] = (await alice.call("get_generation_job", job_id=job_id)).json()
    assert (polled["id"], polled["status"], polled["result_path"]) == (job_id, "pending", None)
    assert (await bob.call("get_generation_job", job_id=job_id)).json() == []
    assert refused(await stranger.call("get_generation_job", job_id=job_id))
    for who in (alice, stranger):
        assert refused(await who.call("claim_generation_jobs", batch=1, lease_seconds=60))
    for change in (alice.http.patch, bob.http.patch):
        assert refused(await change(f"/rest/v1/generation_jobs?id=eq.{job_id}", json={"prompt": "mine"}))
    assert refused(await alice.http.delete(f"/rest/v1/generation_jobs?id=eq.{job_id}"))

    worker = PostgresRepository(project.database_url)
    try:
        [job] = await worker.claim(limit=1, lease_seconds=60, job_id=job_id)
        assert (job.prompt, job.request.prompt, job.user_id) == ("a fox in snow", "a fox in snow", alice.user_id)
        assert await worker.save(_ended(job), fence=job.fence)
    finally:
        await worker.aclose()
    [polled] = (await alice.call("get_generation_job", job_id=job_id)).json()
    assert (polled["status"], polled["result_path"]) == ("completed", _path(job))


async def media_belong_to_the_folder_of_their_owner(
    alice: FrontEnd, bob: FrontEnd, stranger: FrontEnd, worker: FrontEnd
) -> None:
    """Users put into their own inputs; results are a worker's to write and their owner's to read."""
    name = f"{uuid.uuid4().hex}.png"
    assert (await alice.upload(f"inputs/{alice.user_id}/{name}")).is_success
    for refused_upload in (
        alice.upload(f"inputs/{bob.user_id}/{name}"),
        alice.upload(f"inputs/{name}"),
        alice.upload(f"outputs/{alice.user_id}/{name}"),
        stranger.upload(f"inputs/{alice.user_id}/x{name}"),
    ):
        assert "row-level security" in (await refused_upload).text
    result = f"outputs/{alice.user_id}/{uuid.uuid4().hex}/0.mp4"
    assert (await worker.upload(result, media_type="video/mp4")).is_success
    assert (await alice.sign(result)).is_success
    assert (await alice.sign(f"inputs/{alice.user_id}/{name}")).is_success
    for who in (bob, stranger):
        assert not (await who.sign(result)).is_success
        assert not (await who.http.get(f"/storage/v1/object/authenticated/{result}")).is_success


async def a_video_is_made_stored_and_shown_to_its_owner(
    project: Project, home: Path, alice: FrontEnd, bob: FrontEnd, stranger: FrontEnd
) -> None:
    """With a reference that the app uploaded: by rows and storage of the project, and a provider on this machine."""
    fox = f"{alice.user_id}/{uuid.uuid4().hex}.png"
    assert (await alice.upload(f"inputs/{fox}", data=FOX)).is_success
    wanted = {"provider": "local", "duration_seconds": 1, "client_key": uuid.uuid4().hex, "reference_media_path": fox}
    filed = await alice.file(type="video", prompt="a fox in snow", **wanted)
    assert filed.status_code == 201, filed.text
    job_id = str(filed.json()[0]["id"])
    settings = Settings(
        home=home,
        database_url=project.database_url,
        supabase_url=project.url,
        supabase_secret_key=SecretStr(project.secret_key),
        providers=("local",),
    )
    async with Studio(settings=settings) as studio:
        result = await studio.wait(job_id, timeout_seconds=_LONGEST_WAIT_SECONDS)
        assert isinstance(studio.store, SupabaseStorage)
    assert (result.path, result.poster_path) == (f"{alice.user_id}/{job_id}/0.mp4", f"{alice.user_id}/{job_id}/0.jpg")

    [row] = (await alice.call("get_generation_job", job_id=job_id)).json()
    assert (row["status"], row["result_path"]) == ("completed", result.path)
    async with httpx.AsyncClient(timeout=_LONGEST_WAIT_SECONDS) as anybody:
        for url in (row["result_url"], result.url):
            assert hashlib.sha256((await anybody.get(url)).content).hexdigest() == result.sha256
    assert hashlib.sha256((await alice.shown(f"outputs/{result.path}")).content).hexdigest() == result.sha256
    assert (await alice.shown(f"outputs/{result.poster_path}")).content.startswith(b"\xff\xd8")
    for path in (result.path, result.poster_path):
        for who in (bob, stranger):
            assert not (await who.sign(f"outputs/{path}")).is_success


def _path(job: GenerationJob) -> str:
    return f"{job.user_id}/{job.id}/0.mp4"


def _ended(job: GenerationJob) -> GenerationJob:
    return job.evolve(
        status=JobStatus.COMPLETED, phase=Phase.DONE, result_path=_path(job), result_url="https://signed.example/0.mp4",
        leased_until=None,
    )  # fmt: skip
