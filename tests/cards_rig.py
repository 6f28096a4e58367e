"""Studios around real adapters, with and without keys, and files of cards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk import ModelCard, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.catalogue import ListedModel
from nexiom_sdk.errors import MissingCredentials
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.testing.fake_provider import fake_card
from nexiom_sdk.types import Choice

KEYS = {
    "GOOGLE_API_KEY": "g-not-a-real-key",
    "KLINGAI_API_KEY": "k-not-a-real-key",
    "LUMA_AGENTS_API_KEY": "luma-not-a-real-key",
    "OPENAI_BASE_URL": "http://localhost:8000/v1",
    "OPENROUTER_API_KEY": "o-not-a-real-key",
    "RUNWAYML_API_SECRET": "r-not-a-real-key",
    "ARK_API_KEY": "a-not-a-real-key",
    "TENCENT_TOKENHUB_API_KEY": "t-not-a-real-key",
}


def cards_file(folder: Path, cards: Mapping[str, object], *, as_of: str = "2026-11-26") -> Path:
    """A file of cards, one entry per line from line 3 on."""
    entries = ",\n".join(f"{json.dumps(target)}: {json.dumps(entry)}" for target, entry in cards.items())
    file = folder / "cards.json"
    file.write_text(f'{{"as_of": "{as_of}",\n"cards": {{\n{entries}\n}}}}', "utf-8")
    return file


def studio(
    home: Path,
    env: Mapping[str, str] | None = None,
    *,
    cards: Mapping[str, object] | None = None,
    registry: ProviderRegistry | None = None,
    policy: Policy | None = None,
    today: str = "2026-11-26",
) -> Studio:
    """A studio with these variables and no others."""
    named = {} if cards is None else {"NEXIOM_CARDS": str(cards_file(home, cards))}
    settings = Settings.from_env({"NEXIOM_HOME": str(home), **named, **(env or {})})
    clock = VirtualClock(datetime.fromisoformat(f"{today}T12:00:00").replace(tzinfo=UTC))
    return Studio(settings=settings, registry=registry, policy=policy, clock=clock)


def listed(made: Studio, target: str) -> ListedModel:
    """The model of this name as the list has it, retired or not."""
    provider = target.partition("/")[0]
    [found] = [one for one in made.models(provider, include_retired=True) if one.target == target]
    return found


def reasons_in(choice: Choice) -> Mapping[str, str]:
    """The reasons against each model that was dropped."""
    return {one.target: "; ".join(one.reasons) for one in choice.rejected}


def named(made: Studio, model: str, provider: str | None = None) -> Choice:
    """The choice by the name of a model."""
    return made.estimate(VideoRequest(prompt="a fox", model=model, provider=provider))


class Reel(FakeProvider):
    """A plug-in whose class lists its models, and that takes others."""

    config_env: ClassVar[Mapping[str, str]] = {"api_key": "REEL_API_KEY"}
    cards: ClassVar[Sequence[ModelCard]] = (fake_card(model="reel-1"), fake_card(model="reel-2", seed=True))
    takes_new_models = True

    def __init__(self, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> None:
        if not config.get("api_key"):
            raise MissingCredentials("Reel needs a key: REEL_API_KEY is not set.")
        super().__init__("reel", models=self.cards, submission_recovery="lookup", clock=http.clock if http else None)


def registry_of(**factories: object) -> ProviderRegistry:
    """A registry with these providers and no others."""
    registry = ProviderRegistry(entry_points=[])
    for name, factory in factories.items():
        registry.register(name, factory)  # type: ignore[arg-type]
    return registry
