"""Names of installed plug-ins, without importing them; and one of them, imported on first use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from nexiom_sdk.errors import PluginError

_NAME = re.compile(r"^[a-z][a-z0-9_]{1,30}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One installed plug-in.

    Args:
        name: The name users write.
        target: `module:attribute`.
        distribution: The package that brings it.
        version: Its version.
    """

    name: str
    target: str
    distribution: str
    version: str
    entry_point: EntryPoint = field(repr=False)


def discover(group: str, *, found: Iterable[EntryPoint] | None = None) -> Mapping[str, tuple[Plugin, ...]]:
    """The plug-ins of a group by name; more than one for a name is a conflict, for whoever uses the name.

    Args:
        group: Entry-point group.
        found: The entry points; None: what is installed.
    """
    plugins: dict[str, dict[str, Plugin]] = {}
    for point in entry_points(group=group) if found is None else found:
        if _NAME.match(point.name):
            plugin = _plugin(point)
            plugins.setdefault(plugin.name, {}).setdefault(plugin.distribution, plugin)
    return {name: tuple(plugins[name].values()) for name in sorted(plugins)}


def load(plugin: Plugin) -> object:
    """Import what the plug-in names.

    Raises:
        PluginError: It cannot be imported.
    """
    try:
        return plugin.entry_point.load()
    except Exception as error:  # foreign code runs here
        origin = f"{plugin.distribution} {plugin.version}, {plugin.target}"
        msg = f"The plug-in '{plugin.name}' ({origin}) cannot be imported: {type(error).__name__}: {error}."
        raise PluginError(msg) from error


def only(name: str, plugins: tuple[Plugin, ...]) -> Plugin:
    """The one plug-in of a name.

    Raises:
        PluginError: Two packages bring it.
    """
    first, *others = plugins
    if others:
        owners = " and ".join(f"{one.distribution} {one.version}" for one in plugins)
        msg = f"Two packages bring a plug-in named '{name}': {owners}."
        raise PluginError(msg, next_step="Uninstall one of them.")
    return first


def _plugin(point: EntryPoint) -> Plugin:
    distribution = point.dist
    return Plugin(
        name=point.name,
        target=point.value,
        distribution=distribution.name if distribution else "unknown",
        version=distribution.version if distribution else "unknown",
        entry_point=point,
    )
