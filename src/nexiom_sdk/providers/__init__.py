"""What an author of an adapter needs, in one place; the registry, the door for calls and the adapters are beside it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nexiom_sdk.providers.auth import Auth as Auth
    from nexiom_sdk.providers.auth import HeaderKey as HeaderKey
    from nexiom_sdk.providers.auth import Unsigned as Unsigned
    from nexiom_sdk.providers.base import HttpProvider as HttpProvider
    from nexiom_sdk.providers.batched import BatchedProvider as BatchedProvider
    from nexiom_sdk.providers.configuration import Endpoint as Endpoint
    from nexiom_sdk.providers.protocol import HttpOptions as HttpOptions
    from nexiom_sdk.providers.protocol import SupportsBatchPoll as SupportsBatchPoll
    from nexiom_sdk.providers.protocol import SupportsCallback as SupportsCallback
    from nexiom_sdk.providers.protocol import SupportsCancel as SupportsCancel
    from nexiom_sdk.providers.protocol import SupportsCatalogue as SupportsCatalogue
    from nexiom_sdk.providers.protocol import SupportsHealth as SupportsHealth
    from nexiom_sdk.providers.protocol import SupportsLookup as SupportsLookup
    from nexiom_sdk.providers.protocol import VideoProvider as VideoProvider
    from nexiom_sdk.providers.registry import ProviderRegistry as ProviderRegistry
    from nexiom_sdk.providers.several import Several as Several
    from nexiom_sdk.providers.wire import Body as Body
    from nexiom_sdk.providers.wire import Call as Call
    from nexiom_sdk.providers.wire import Part as Part
    from nexiom_sdk.providers.wire import Reply as Reply
    from nexiom_sdk.types import Asset as Asset
    from nexiom_sdk.types import Cancelled as Cancelled
    from nexiom_sdk.types import Failed as Failed
    from nexiom_sdk.types import Operation as Operation
    from nexiom_sdk.types import Running as Running
    from nexiom_sdk.types import Submission as Submission
    from nexiom_sdk.types import Succeeded as Succeeded

# Public name to module: registry and protocol are imported on every start, an adapter's HTTP library must not be.
_HOME = {
    **dict.fromkeys(("Auth", "HeaderKey", "Unsigned"), "providers.auth"),
    "Endpoint": "providers.configuration",
    "HttpProvider": "providers.base",
    "BatchedProvider": "providers.batched",
    "Several": "providers.several",
    **dict.fromkeys(
        (
            "HttpOptions",
            "SupportsBatchPoll",
            "SupportsCallback",
            "SupportsCancel",
            "SupportsCatalogue",
            "SupportsHealth",
            "SupportsLookup",
            "VideoProvider",
        ),
        "providers.protocol",
    ),
    "ProviderRegistry": "providers.registry",
    **dict.fromkeys(("Body", "Call", "Part", "Reply"), "providers.wire"),
    **dict.fromkeys(("Asset", "Cancelled", "Failed", "Operation", "Running", "Submission", "Succeeded"), "types"),
}

__all__ = [  # noqa: RUF022 - in the order in which a reader meets them
    "VideoProvider",
    "HttpProvider",
    "BatchedProvider",
    "Several",
    "Endpoint",
    "HttpOptions",
    "Auth",
    "HeaderKey",
    "Unsigned",
    "Call",
    "Part",
    "Reply",
    "Body",
    "Submission",
    "Operation",
    "Running",
    "Succeeded",
    "Failed",
    "Cancelled",
    "Asset",
    "SupportsBatchPoll",
    "SupportsCallback",
    "SupportsCancel",
    "SupportsCatalogue",
    "SupportsHealth",
    "SupportsLookup",
    "ProviderRegistry",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value: object = getattr(import_module(f"nexiom_sdk.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    msg = f"module 'nexiom_sdk.providers' has no attribute {name!r}"
    raise AttributeError(msg)
