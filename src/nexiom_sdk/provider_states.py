"""How each provider stands: whether it can be used here, what it lacks, and whether it is failing at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from nexiom_sdk.choosing import Chooser
from nexiom_sdk.errors import ConfigurationError, MissingCredentials, NexiomError, PluginError
from nexiom_sdk.policy import Policy
from nexiom_sdk.providers.breakers import Held
from nexiom_sdk.providers.calls import Door, call
from nexiom_sdk.providers.protocol import SupportsHealth, VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry, ProviderReport
from nexiom_sdk.types import QUALITY_TIERS, QualityTier
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import nearest


class ProviderState(Frozen):
    """How one provider stands.

    Args:
        name: Its name.
        state: ready: it takes orders. failing: it is set up, and no order is sent to it for now. not_set_up: a key or
            an address is missing. broken: it cannot be imported, or two packages bring it. left_out: it is installed,
            and NEXIOM_PROVIDERS does not name it. not_installed: NEXIOM_PROVIDERS names it, and no package brings it.
        reason: The same in words; empty where it is ready.
        needs: The variables that would set it up, in words; empty where none is missing.
        failing_until: When the next order may try one that is failing.
        distribution: The package that brings it.
        version: The package's version.
        models: How many models it has here; None where it cannot be made.
        tiers: The tiers of the policy that use it.
        check: How its free call ended; unsupported: it has none. None: it was not made.
        check_reason: Why that call failed.
    """

    name: str
    state: Literal["ready", "failing", "not_set_up", "broken", "left_out", "not_installed"]
    reason: str = ""
    needs: str = ""
    failing_until: datetime | None = None
    distribution: str | None = None
    version: str | None = None
    models: int | None = None
    tiers: tuple[QualityTier, ...] = ()
    check: Literal["passed", "failed", "unsupported"] | None = None
    check_reason: str = ""


async def provider_states(
    chooser: Chooser, registry: ProviderRegistry, policy: Policy, door: Door, *, check: bool
) -> Sequence[ProviderState]:
    """How each provider stands that is installed, or named in NEXIOM_PROVIDERS; sorted by name.

    Args:
        chooser: Makes providers.
        registry: Which there are.
        policy: Which of them its tiers use.
        door: The way to them; it knows which are failing.
        check: Also make the free call of those that have one, all at the same time.
    """
    failing = door.breakers.failing()
    states = [_state(report, chooser, failing) for report in registry.report()]
    states += [
        ProviderState(name=name, state="left_out", reason="NEXIOM_PROVIDERS does not name it")
        for name in registry.left_out()
    ]
    states += [_not_installed(name, registry) for name in registry.not_installed()]
    if check:
        states = list(await asyncio.gather(*(_checked(one, chooser, door) for one in states)))
    uses = {tier: policy.providers(tier) for tier in QUALITY_TIERS if tier in policy.tiers}
    return sorted(
        (one.evolve(tiers=tuple(tier for tier, names in uses.items() if one.name in names)) for one in states),
        key=lambda one: one.name,
    )


def _state(report: ProviderReport, chooser: Chooser, failing: Mapping[str, Held]) -> ProviderState:
    known = ProviderState(name=report.name, state="ready", distribution=report.distribution, version=report.version)
    if report.state != "ok":
        return known.evolve(state="broken", reason=report.reason)
    try:
        models = len(chooser.provider(report.name).models)
    except PluginError as error:
        return known.evolve(state="broken", reason=error.message)
    except ConfigurationError as error:
        named = any(variable in error.message for variable in report.config_env.values())
        reads = "" if named or not report.config_env else f" It reads {', '.join(report.config_env.values())}."
        needs = chooser.needs(report.name) if isinstance(error, MissingCredentials) else ""
        return known.evolve(state="not_set_up", reason=f"{error.message}{reads}", needs=needs)
    held = failing.get(report.name)
    if held is None:
        return known.evolve(models=models)
    return known.evolve(state="failing", reason=held.reason, failing_until=held.until, models=models)


def _not_installed(name: str, registry: ProviderRegistry) -> ProviderState:
    guess = nearest(name, (*registry.names(), *registry.left_out()))
    hint = f" Did you mean '{guess}'?" if guess else ""
    reason = f"NEXIOM_PROVIDERS names it, and no package brings it.{hint}"
    return ProviderState(name=name, state="not_installed", reason=reason)


async def _checked(state: ProviderState, chooser: Chooser, door: Door) -> ProviderState:
    if state.state not in {"ready", "failing"}:
        return state
    provider: VideoProvider = chooser.provider(state.name)
    if not isinstance(provider, SupportsHealth):
        return state.evolve(check="unsupported")
    try:
        await call(door, state.name, "check", provider.check)
    except NexiomError as error:
        return state.evolve(check="failed", check_reason=error.message)
    return state.evolve(check="passed")
