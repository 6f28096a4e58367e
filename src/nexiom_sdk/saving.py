"""The steps after a provider is done: bring the video into the store, and never lose it on the way."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nexiom_sdk import moves, schedule
from nexiom_sdk.desk import Desk
from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NexiomError,
    PluginError,
    ProviderBusy,
    QuotaExhausted,
    ResponseTooLarge,
    ResultExpired,
    ResultInvalid,
    StorageError,
    StorageUnavailable,
)
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.orphans import left_by
from nexiom_sdk.providers.calls import call
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.results import Results, StoredVideo, of_the_store
from nexiom_sdk.storage import MOST_URL_SECONDS, output_key
from nexiom_sdk.trouble import next_step_of
from nexiom_sdk.types import Asset, Operation, Poll, Succeeded
from nexiom_sdk.verification import differences
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

TRIES_FOR_A_USABLE_RESULT = 3
WAIT_FOR_ANOTHER_MACHINE_SECONDS = 7 * 24 * 3600.0
_LONGEST_REASON = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Steps of jobs that are saving.

    Args:
        desk: What every step needs.
        results: The way of the files.
    """

    desk: Desk
    results: Results
    _said: dict[str, str] = field(default_factory=dict[str, str], init=False, repr=False)

    async def begin(self, job: GenerationJob, outcome: Succeeded) -> GenerationJob:
        """The provider is done: commit that, then save, while its addresses are fresh."""
        return await self.save(await self.finish(job, outcome), outcome.assets)

    async def finish(self, job: GenerationJob, outcome: Succeeded) -> GenerationJob:
        """The provider is done: commit that, and where the video is if it is on this machine already."""
        place = None if outcome.assets else self.results.spool.place
        done = moves.finished(job, outcome, now=self.desk.now())
        return await self.desk.commit(job, moves.spooled(done, place))

    async def spooled(self, job: GenerationJob, provider: VideoProvider, outcome: Succeeded) -> Succeeded:
        """The answer to an order is the video itself: it goes into the spool first, for nobody may give it twice."""
        if not outcome.assets:
            return outcome
        try:
            await self.results.fetch(job, provider, outcome.assets, bounded=False)
        except NexiomError:
            return outcome  # saving meets the same trouble, and knows what it means
        return replace(outcome, assets=())

    async def save(self, job: GenerationJob, assets: tuple[Asset, ...] = ()) -> GenerationJob:
        """Fetch, check and store; what fails for now is tried again, with the file kept where there is one."""
        desk, spool = self.desk, self.results.spool
        tried_before = not assets or job.order_no > 0  # whoever did may have died before the row knew what it stored
        try:
            files = () if assets else await spool.files(job)  # before its assets are known, nothing was fetched
            if files:
                videos = await self.results.store_all(job, files)
            else:
                provider = desk.provider_of(job)
                assets = assets or await self._assets_again(job, provider)
                videos = await self.results.bring(job, provider, assets)
            path = videos[0].path
            url = await of_the_store(desk.store.url(output_key(path), ttl_seconds=desk.url_ttl_seconds))
        except NexiomError as error:
            if error.charged == "no" and job.cost_usd != 0:
                error.charged = "yes"  # the call that failed was free; the video that it was for is made and paid
            if isinstance(error, StorageUnavailable) and await spool.files(job):
                told = printable(error.message, _LONGEST_REASON)  # a store may answer with a whole web page
                error.message = f"{told} The video is safe in {spool.in_words} and goes into the store by itself."
                job = moves.spooled(job, spool.place)
            if isinstance(error, ResultInvalid | ResultExpired):
                job = moves.unusable(job)
            if self._may_work_later(job, error):
                delayed = await desk.later(job, error)
                if isinstance(error, StorageUnavailable):
                    self._say_once(delayed, error)
                return delayed
            self._said.pop(job.id, None)
            if error.retryable:  # its own words promise another try
                error.next_step = ResultInvalid.default_next_step
            return await desk.end(job, error)
        done = moves.completed(
            job,
            [video.model_dump(mode="json") for video in videos],
            path=path,
            url=url or output_key(path),
            url_until=desk.after(min(desk.url_ttl_seconds, MOST_URL_SECONDS)),
            warnings=self._warnings(job, videos),
            now=desk.now(),
        )
        saved = await desk.commit(job, done)
        await spool.drop(job)
        self._said.pop(job.id, None)
        if tried_before:
            await self._tidy(saved)
        return saved

    def _warnings(self, job: GenerationJob, videos: Sequence[StoredVideo]) -> list[str]:
        """What is odd about the videos, and where they differ from the order."""
        asked, card = moves.candidate_of(job), None
        with contextlib.suppress(ConfigurationError):  # a file from the spool needs no provider
            card = self.desk.card_of(self.desk.provider_of(job), job.model or "")
        others = [differences(one.probe, asked=asked, card=card) for one in videos] if asked else ()
        return [text for remarks in (*(one.remarks for one in videos), *others) for text in remarks]

    def _say_once(self, job: GenerationJob, error: StorageUnavailable) -> None:
        """Whoever runs workers hears of it without looking at rows; not at each try, but when what mends it is new."""
        step = next_step_of(job)
        if self._said.get(job.id) != step:
            self._said[job.id] = step
            facts = {"action": "not_stored", "job_id": job.id}
            _log.warning("job %s waits: %s %s", job.id, error.message, step, extra=facts)

    async def _tidy(self, done: GenerationJob) -> None:
        """Remove what earlier tries left in `outputs`: a completed job is never ordered again, so nobody puts more."""
        store = self.desk.store
        try:
            for orphan in [one async for one in left_by(done, store)]:
                await store.delete(orphan.key)
        except StorageError as error:
            _log.info("job %s: nothing was swept: %s", done.id, error.message, extra={"action": "not_swept"})

    def _may_work_later(self, job: GenerationJob, error: NexiomError) -> bool:
        late = self.desk.past(job.timing.finished_at, schedule.LATE_WINDOW_SECONDS)
        spooled, here = job.provider_metadata.get("spooled"), self.results.spool.place
        match error:
            case PluginError():
                return not late  # a defect is seldom mended while the job waits
            case StorageUnavailable() | ConfigurationError() | ProviderBusy():
                return True  # ours to mend, or not even asked: the job waits for it
            case ResultExpired() if spooled not in {None, here}:  # another machine has the file, and takes its turn
                return not self.desk.past(job.timing.finished_at, WAIT_FOR_ANOTHER_MACHINE_SECONDS)
            case ResultInvalid() | ResultExpired():
                return moves.times_unusable(job) < TRIES_FOR_A_USABLE_RESULT  # fetches and stores that broke saw none
            case _:
                # A key or a bound can be mended, and the video is made and paid: time enough is left for that.
                mendable = error.retryable or isinstance(
                    error, AuthenticationFailed | QuotaExhausted | ResponseTooLarge
                )
                return mendable and not late

    async def _assets_again(self, job: GenerationJob, provider: VideoProvider) -> tuple[Asset, ...]:
        """The results of an order that was done before; addresses expire, so they are asked for, not remembered."""
        desk, operation = self.desk, job.operation
        outcome: Poll | Operation
        if operation is not None:
            outcome = await call(desk.door, provider.name, "poll", lambda: provider.poll(operation))
        elif provider.submission_recovery == "key":
            submission = await desk.submission(job, provider)
            outcome = await call(desk.door, provider.name, "submit", lambda: provider.submit(submission))
        else:
            msg = f"{provider.name} answered with the video itself, and it was lost before it could be stored."
            raise ResultExpired(msg)
        if isinstance(outcome, Succeeded) and outcome.assets:
            return outcome.assets
        msg = f"{provider.name} no longer offers the finished video."
        raise ResultExpired(msg)
