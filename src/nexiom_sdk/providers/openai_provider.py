"""`VideosProvider`: what adapters share whose servers speak the format `/v1/videos`.

Sources: see `openai_videos`, `openai_jobs` and `openai_complaints`. A subclass says where its servers are and how it
writes an order; looks, refusals and stopping are the same for all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from nexiom_sdk.errors import MalformedResponse, ModelRetired, ProviderError, ProviderUnavailable
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.openai_complaints import complaint_in, refusal
from nexiom_sdk.providers.openai_jobs import Job, outcome, taken
from nexiom_sdk.providers.openai_videos import PATH, job_path, unsaid
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

_NO_PATH, _NO_VERB = 404, 405


class VideosProvider(HttpProvider):
    """Base of adapters for servers that speak `/v1/videos`.

    Attributes:
        where_to_look: What to check where a server has no such model, or no videos at all.
    """

    where_to_look: ClassVar[str]

    def job_url(self, operation: Operation, /) -> str:
        """The address of an order."""
        return self.base_url + job_path(operation.id)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The job that was made, or its result.

        A server without a path for orders took none: an address may be that of a server that only chats.
        """
        if reply.status in {_NO_PATH, _NO_VERB}:
            raise self._refused(ModelRetired, reply)
        if not reply.ok:
            msg = "it does not say whether the order was taken"
            raise self.read_error(reply) or MalformedResponse(msg, provider=self.name)
        return replace(taken(reply), warnings=tuple(unsaid(submission.spec)))

    def poll_call(self, operation: Operation, /) -> Call:
        """The job as it is now; vLLM-Omni tells of a failed one with an HTTP error."""
        return Call("GET", self.job_url(operation), any_status=True)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the job says."""
        return outcome(reply, self.job_url(operation)) or self.look_refused(operation, reply)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal, by its code or its status; no outage is one."""
        kind = refusal(reply)
        return None if kind is None else self._refused(kind, reply)

    async def check(self) -> None:
        """Ask for the list of videos, which is free; a server without such a list does not refuse the key either."""
        for endpoint in self._endpoints:
            reply = await self.send(Call("GET", endpoint.base_url + PATH, query={"limit": "1"}, any_status=True))
            if reply.status == _NO_PATH:
                raise self._refused(ModelRetired, reply)
            if not reply.ok and reply.status != _NO_VERB:
                raise self.read_error(reply) or self.error(ProviderUnavailable, reply)

    async def stop(self, operation: Operation, /) -> None:
        """Stop a job that has not ended, at a server whose DELETE does. One that ends at this moment may be erased.

        Raises:
            ProviderError: It has ended, or its state is not known: nothing is done, for its result would be erased.
        """
        look = await self.send(self.poll_call(operation))
        state = (look.read_or_none(Job) or Job()).state if look.ok else None
        if state == "stopped":
            return
        if state not in {"queued", "running"}:
            msg = "The job has ended, or cannot be seen now; to cancel it might erase what it made."
            raise ProviderError(msg, provider=self.name, charged="unknown")
        erase = Call("DELETE", self.job_url(operation))
        if not (await self.send(replace(erase, any_status=True))).ok:
            await self.send(erase)  # a job that is just beginning or stopping answers 409, and takes the second one

    def _refused(self, kind: type[ProviderError], reply: Reply) -> ProviderError:
        said = complaint_in(reply)
        error = self.error(kind, reply, said.message or "", code=said.name)
        if isinstance(error, ModelRetired):
            error.next_step = f"Check {self.where_to_look}: there is no such model, or no videos at all."
        return error
