"""Dependable AI video generation: one typed call, quality tiers, durable jobs, never paid twice, checked results."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nexiom_sdk.config import Settings as Settings
    from nexiom_sdk.errors import ContentRejected as ContentRejected
    from nexiom_sdk.errors import JobError as JobError
    from nexiom_sdk.errors import NexiomError as NexiomError
    from nexiom_sdk.errors import ProviderError as ProviderError
    from nexiom_sdk.events import Event as Event
    from nexiom_sdk.jobs import GenerationJob as GenerationJob
    from nexiom_sdk.jobs import VideoResult as VideoResult
    from nexiom_sdk.models import ModelCard as ModelCard
    from nexiom_sdk.phases import JobStatus as JobStatus
    from nexiom_sdk.policy import Policy as Policy
    from nexiom_sdk.providers.protocol import VideoProvider as VideoProvider
    from nexiom_sdk.repositories import JobRepository as JobRepository
    from nexiom_sdk.storage import ObjectStore as ObjectStore
    from nexiom_sdk.studio import Studio as Studio
    from nexiom_sdk.sync import SyncStudio as SyncStudio
    from nexiom_sdk.types import Choice as Choice
    from nexiom_sdk.types import Media as Media
    from nexiom_sdk.types import QualityTier as QualityTier
    from nexiom_sdk.types import VideoRequest as VideoRequest

    __version__: str

# Public name to module: importing the package imports nothing else until a name is used.
_HOME = {
    "Choice": "types",
    "ContentRejected": "errors",
    "Event": "events",
    "GenerationJob": "jobs",
    "JobError": "errors",
    "JobRepository": "repositories",
    "JobStatus": "phases",
    "Media": "types",
    "ModelCard": "models",
    "NexiomError": "errors",
    "ObjectStore": "storage",
    "Policy": "policy",
    "ProviderError": "errors",
    "QualityTier": "types",
    "Settings": "config",
    "Studio": "studio",
    "SyncStudio": "sync",
    "VideoProvider": "providers.protocol",
    "VideoRequest": "types",
    "VideoResult": "jobs",
}

__all__ = [  # noqa: RUF022 - in the order in which a reader meets them
    "Studio",
    "SyncStudio",
    "Settings",
    "VideoRequest",
    "Media",
    "VideoResult",
    "QualityTier",
    "GenerationJob",
    "JobStatus",
    "JobRepository",
    "ObjectStore",
    "VideoProvider",
    "ModelCard",
    "Policy",
    "Choice",
    "Event",
    "NexiomError",
    "ProviderError",
    "ContentRejected",
    "JobError",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value: object = getattr(import_module(f"nexiom_sdk.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib.metadata import version

        return version("nexiom_sdk")
    msg = f"module 'nexiom_sdk' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
