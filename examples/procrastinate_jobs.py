"""Let procrastinate's worker take the steps, over the PostgreSQL that also holds the rows.

Run it with `python examples/procrastinate_jobs.py`, with NEXIOM_DATABASE_URL naming a database that has both schemas.
Here all is one process; in production the web service enqueues, and `procrastinate --app=your_module.app worker` runs
on as many machines as you like.
"""

from __future__ import annotations

import asyncio

from nexiom_sdk import GenerationJob, Studio, VideoRequest
from nexiom_sdk.backends.procrastinate import ProcrastinateDriver, app_for

PROMPTS = ("a fox in snow", "a boat at dawn", "a train at night")

studio = Studio.from_env()
app = app_for(studio.settings.database)
driver = ProcrastinateDriver(app, repository=studio.repository, advance=studio.advance)


async def order(prompt: str) -> GenerationJob:
    """What the web service does: write the job down, and enqueue its first step."""
    request = VideoRequest(prompt=prompt, provider="local", duration_seconds=1, resolution="360p")
    job = await studio.submit(request, defer=True)
    await driver.enqueue(job)
    return job


async def main() -> None:
    """Submit three jobs and run a worker until nothing is due."""
    async with studio, app.open_async():
        jobs = [await order(prompt) for prompt in PROMPTS]
        print(f"{len(jobs)} jobs are {jobs[0].status}")
        # With `wait=False` it returns when no task is due; a service leaves that out.
        await app.run_worker_async(wait=False, concurrency=2)
        for job in jobs:
            ended = await studio.get(job.id)
            print(f"{ended.status}: {ended.prompt} -> {ended.result_path}")


if __name__ == "__main__":
    asyncio.run(main())
