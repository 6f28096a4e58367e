"""Write jobs down now, and let a worker finish them.

Run it with `python examples/worker.py`. Here both are one process; in production the web service submits and
`nexiom worker` runs on as many machines as you like, over the same database.
"""

from __future__ import annotations

import asyncio

from nexiom_sdk import Studio, VideoRequest

PROMPTS = ("a fox in snow", "a boat at dawn", "a train at night")


async def main() -> None:
    """Submit three jobs and run a worker until nothing is due."""
    async with Studio.from_env() as studio:
        jobs = [
            await studio.submit(
                VideoRequest(prompt=prompt, provider="local", duration_seconds=1, resolution="360p"), defer=True
            )
            for prompt in PROMPTS
        ]
        print(f"{len(jobs)} jobs are {jobs[0].status}")
        # With `once` it returns when nothing is due; a service leaves that out and calls `stop` to end it.
        await studio.worker(concurrency=2).run(once=True)
        for job in jobs:
            ended = await studio.get(job.id)
            print(f"{ended.status}: {ended.prompt} -> {ended.result_path}")


if __name__ == "__main__":
    asyncio.run(main())
