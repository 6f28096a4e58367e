"""`HttpProvider`: what all adapters over HTTP share, so that each one only describes calls and reads replies.

An order goes out once. Its reply is read as accepted, refused, or neither: refused is only what the adapter's
`read_error` knows from the provider's documentation; a lost, cut or unreadable reply and every other status leave the
order uncertain, and nobody sends it again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Never

from pydantic import SecretStr

from nexiom_sdk.errors import (
    MalformedResponse,
    NexiomError,
    ProviderUnavailable,
    ResponseTooLarge,
    SubmissionUncertain,
    UnsafeUrl,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Auth
from nexiom_sdk.providers.base_replies import Replies
from nexiom_sdk.providers.configuration import Configuration, Endpoint
from nexiom_sdk.providers.downloads import Download
from nexiom_sdk.providers.http import HttpClient
from nexiom_sdk.providers.protocol import PROTOCOL_VERSION, HttpOptions
from nexiom_sdk.providers.wire import Call, Reply, Trouble
from nexiom_sdk.types import (
    Asset,
    Operation,
    Poll,
    Submission,
    SubmissionRecovery,
    Succeeded,
    VideoSpec,
)

_MOST_FOLLOW_UPS = 1
_NOT_SAFE = (
    "Look for the video in the provider's console, and tell the provider of the address; "
    "`nexiom jobs resubmit JOB` pays for a new one."
)
_CHUNK_BYTES = 256 * 1024


class HttpProvider(Replies):
    """Base of adapters over HTTP.

    A subclass names itself, gives its cards, and implements four methods: `submit_call`, `read_submit`, `poll_call` and
    `read_poll`. None of them waits, sends or asks for the time.

    Args:
        config: Configuration by key; `config_env` names the keys.
        http: Bounds for network calls.

    Attributes:
        name: The provider's name, as users write it.
        title: Its name in sentences.
        config_env: Configuration key to environment variable; `base_url` is always among them.
        default_base_url: Where its API is; empty where the operator has to say.
        keys_at: Where a key is made; empty where it needs none.
        headers: What every call to its API carries.
        takes_new_models: Orders of a model that is not among `models` can be written, by its id.

    Raises:
        MissingCredentials: A key is missing, or the address of a server that only the operator knows.
        ConfigurationError: An address or a key cannot be used.
    """

    protocol_version: int = PROTOCOL_VERSION
    submission_recovery: SubmissionRecovery = "none"
    models: Sequence[ModelCard] = ()
    headers: Mapping[str, str] = {}
    takes_new_models: bool = False

    config_env: ClassVar[Mapping[str, str]]
    default_base_url: ClassVar[str] = ""
    keys_at: ClassVar[str] = ""

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        self.config: Configuration = Configuration(
            title=self.title, values=config, variables=self.config_env, keys_at=self.keys_at
        )
        self.options: HttpOptions = http or HttpOptions()
        self._endpoints: Sequence[Endpoint] = (endpoints := self.endpoints())
        self.base_url: str = endpoints[0].base_url
        self._client = HttpClient(
            self.options,
            keys=[(one.base_url, one.auth) for one in endpoints if one.auth is not None],
            trusted=[one.origin for one in endpoints if one.trusted],
            secrets=self.config.secrets,
        )

    # What an adapter says.

    @abstractmethod
    def submit_call(self, submission: Submission, /) -> Call:
        """The call that orders.

        Raises:
            RequestError: The order cannot be expressed; nothing is sent.
        """

    @abstractmethod
    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """What a reply of success to an order says.

        Raises:
            ProviderError: It says, all the same, that nothing was accepted.
            MalformedResponse: It cannot be read: then the order is uncertain.
        """

    @abstractmethod
    def poll_call(self, operation: Operation, /) -> Call:
        """The call that looks at an order."""

    @abstractmethod
    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the reply to a look says; a `Call` is made next, and its reply read by this method too."""

    def uploads(self, spec: VideoSpec, /) -> Generator[Call, Reply, VideoSpec]:
        """Free calls that have to come before the order, each answered with its reply; gives what is then ordered."""
        yield from ()
        return spec

    def endpoints(self) -> Sequence[Endpoint]:
        """The APIs of the provider; the first one is that of relative paths."""
        return (self.config.endpoint("base_url", self.default_base_url, key="api_key"),)

    # What an adapter may use.

    def also_at(self, base_url: str, auth: Auth | None, /) -> None:
        """Let calls go to one more address of the provider's own, with this key."""
        if auth is not None:
            self._client.add_key(base_url, auth)

    def holds(self, url: str, /) -> bool:
        """Whether an address is one of the provider's own APIs'."""
        return any(url.startswith(f"{one.base_url}/") for one in self._endpoints)

    async def send(self, call: Call, /) -> Reply:
        """Make a call that is no order, and raise what its reply refuses.

        Raises:
            ProviderError: It did not go out, had no whole reply, or was refused.
        """
        reply = await self._exchange(call)
        if reply.ok or call.any_status:
            return reply
        raise self.refusal(reply)

    # What the library calls.

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Order once."""
        submission = replace(submission, spec=await self._uploaded(submission.spec))
        call = self.submit_call(submission)
        submission.before_order()
        reply = await self._client.send(self._whole(call), provider=self.title)
        if isinstance(reply, Trouble):
            self._not_ordered(reply)
        if not reply.ok and not call.any_status:
            raise self.read_error(reply) or self.uncertain(reply, "which does not say whether it took the order")
        try:
            taken = self.read_submit(submission, reply)
        except MalformedResponse as error:
            unreadable = error.message
        else:
            return self.stamped(taken, reply)
        raise self.uncertain(reply, f"which cannot be read ({self.config.clean(unreadable)})")

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order."""
        call = self.poll_call(operation)
        for _ in range(1 + _MOST_FOLLOW_UPS):
            reply = await self._exchange(call)
            if not (reply.ok or call.any_status):
                return self.look_refused(operation, reply)
            outcome = self.read_poll(operation, reply)
            if not isinstance(outcome, Call):
                return self.said(outcome)
            call = outcome
        msg = f"{self.title} sends from one place to the next to look at an order."
        raise MalformedResponse(msg, provider=self.name)

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The bytes of a result."""
        if asset.url is None:
            data = memoryview(asset.data or b"")
            for start in range(0, len(data), _CHUNK_BYTES):
                yield bytes(data[start : start + _CHUNK_BYTES])
            return
        # A file at an address that needs no key is not the API's, and neither are its refusals.
        refusal = self.read_error if asset.needs_auth else _unheard
        download = Download(self._client, asset.url, provider=self.title, signed=asset.needs_auth, refusal=refusal)
        try:
            async for chunk in download.chunks():
                yield chunk
        except UnsafeUrl as error:  # whoever reads this gave no address: the provider did
            error.message = f"{self.title} gave an address for the video that is not safe to open. {error.message}"
            error.charged, error.next_step = "yes", _NOT_SAFE
            raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    # How it does that.

    async def _uploaded(self, spec: VideoSpec) -> VideoSpec:
        steps = self.uploads(spec)
        try:
            call = next(steps)
            while True:
                call = steps.send(await self.send(call))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # the return type of `uploads`, which StopIteration forgets
        except NexiomError as error:
            error.charged = "no"  # nothing was ordered yet
            raise

    async def _exchange(self, call: Call) -> Reply:
        reply = await self._client.send(self._whole(call), provider=self.title)
        if not isinstance(reply, Trouble):
            return reply
        if reply.unsafe:
            raise UnsafeUrl(reply.reason, provider=self.name)
        kind = ResponseTooLarge if reply.too_large else ProviderUnavailable
        raise kind(f"{self.title} gave no answer: {reply.reason}.", provider=self.name)

    def _whole(self, call: Call) -> Call:
        path = call.path if "://" in call.path else self.base_url + call.path
        headers = {**self.headers, **call.headers} if path.startswith(f"{self.base_url}/") else call.headers
        return replace(call, path=path, headers=headers)

    def _not_ordered(self, trouble: Trouble) -> Never:
        if trouble.unsafe:
            raise UnsafeUrl(trouble.reason, provider=self.name)
        if not trouble.left:
            msg = f"{self.title} could not be reached, so nothing was ordered: {trouble.reason}."
            raise ProviderUnavailable(msg, provider=self.name)
        msg = f"The order was sent to {self.title} and its answer was lost: {trouble.reason}."
        raise SubmissionUncertain(msg, provider=self.name)


def _unheard(_reply: Reply) -> None:
    """What a stranger's refusal means: nothing that is documented."""
