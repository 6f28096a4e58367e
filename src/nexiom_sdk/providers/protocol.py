"""What a provider must offer, and what it may offer: protocol version 1.

An adapter describes calls and reads answers. Waiting and repeating is left to the library, and what it needs
later is in the row of the job: so a job can go on in whichever process takes it.

The required part is small; the optional parts are found by type test, so an adapter never claims what it lacks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.guard import Resolver
from nexiom_sdk.types import Asset, Operation, Poll, Submission, SubmissionRecovery, Succeeded

PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Bounds for an adapter's network calls, and what it needs of the machine, handed to its factory.

    Args:
        connect_timeout_seconds: Longest wait for a connection.
        read_timeout_seconds: Longest silence while reading.
        write_timeout_seconds: Longest wait for a chunk to be taken.
        call_timeout_seconds: Longest time for a whole call with a JSON answer.
        download_timeout_seconds: Longest time for a whole result file.
        min_bytes_per_second: Slowest download that is borne, measured over `throughput_window_seconds`.
        throughput_window_seconds: Time over which the throughput is measured.
        max_json_bytes: Largest decoded JSON answer.
        max_video_bytes: Largest result file.
        ca_file: Certificates to trust besides the public ones, in PEM: for a server with a certificate of your own.
        clock: Time, for stamps, tokens and bounds.
        resolve: Resolves names; None: as this machine does.
    """

    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0
    write_timeout_seconds: float = 30.0
    call_timeout_seconds: float = 60.0
    download_timeout_seconds: float = 1800.0
    min_bytes_per_second: float = 64 * 1024
    throughput_window_seconds: float = 30.0
    max_json_bytes: int = 4 * 1024 * 1024
    max_video_bytes: int = 1024 * 1024 * 1024
    ca_file: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    resolve: Resolver | None = None


class VideoProvider(Protocol):
    """One adapter, ours or a third party's."""

    @property
    def protocol_version(self) -> int:
        """The version of this protocol that the adapter speaks."""
        ...

    @property
    def name(self) -> str:
        """The provider's name, as users write it."""
        ...

    @property
    def models(self) -> Sequence[ModelCard]:
        """What the provider's models accept and cost."""
        ...

    @property
    def submission_recovery(self) -> SubmissionRecovery:
        """How an order whose answer was lost is settled.

        key: the same POST with the same idempotency key is one order. lookup: the adapter is a `SupportsLookup`.
        none: a person has to look.
        """
        ...

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Order once: this is the call that costs money. `Succeeded` is for providers that answer with the result.

        Raises:
            ProviderError: A class other than `SubmissionUncertain` says that nothing was accepted.
        """
        ...

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order. Must not change anything at the provider."""
        ...

    def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The bytes of a result, in chunks."""
        ...

    async def aclose(self) -> None:
        """Release what the adapter holds."""
        ...


@runtime_checkable
class SupportsLookup(Protocol):
    """For `submission_recovery = "lookup"`: orders can be found by our reference."""

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order that carries this reference, or None if there is none (yet)."""
        ...


@runtime_checkable
class SupportsCancel(Protocol):
    """Orders can be stopped at the provider."""

    async def cancel(self, operation: Operation, /) -> None:
        """Ask the provider to stop; the next poll tells whether it did.

        Raises:
            UnsupportedFeature: Orders of this kind cannot be stopped at all: the job ends here, its cost open.
            ProviderError: It cannot be stopped any more.
        """
        ...


@runtime_checkable
class SupportsCallback(Protocol):
    """The provider calls back when an order has changed. That is only a hint: a look at the order tells the truth."""

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
        """The provider's id of the order, and what the callback says of it, where it says something.

        An adapter that gave the provider `Submission.callback_url` notes it in `Operation.state["callback"] = True`;
        then looks are rarer. `providers.webhooks` checks signatures.

        Args:
            headers: Headers of the request, names in any case.
            body: Its bytes as they came, at most 256 KiB.

        Raises:
            AuthenticationFailed: The provider signs callbacks, and this one is unsigned, wrongly signed, or more than
                300 s old.
            MalformedResponse: It cannot be read.
        """
        ...


@runtime_checkable
class SupportsBatchPoll(Protocol):
    """One call looks at many orders. The library gathers those that are due together; `poll` must work as well.

    An adapter may also say how far apart such calls have to be, as `batch_spacing_seconds`.
    """

    @property
    def batch_size(self) -> int:
        """Most orders that one call may look at."""
        ...

    async def poll_many(self, operations: Sequence[Operation], /) -> Mapping[str, Poll]:
        """Look at these orders in one call, at most `batch_size` of them. Must not change anything at the provider.

        Returns:
            What is said of each order, by its id. One that is missing is looked at alone.

        Raises:
            ProviderError: The call did not work. `RateLimited`, or no answer at all, counts for all of them; after
                anything else they are looked at one by one.
        """
        ...


@runtime_checkable
class SupportsHealth(Protocol):
    """Whether the provider can be used is known without an order."""

    async def check(self) -> None:
        """Make a call that costs nothing and needs the key.

        Raises:
            ProviderError: The provider cannot be used now; the class says why.
        """
        ...


@runtime_checkable
class SupportsCatalogue(Protocol):
    """The provider lists its models, with what they take and cost now."""

    async def refresh(self) -> Sequence[ModelCard]:
        """Read the list; `models` are its cards from then on.

        Raises:
            ProviderError: It cannot be read; `models` stay as they are.
        """
        ...
