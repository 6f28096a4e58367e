"""Names of installed plug-ins, without importing them; and one of them, imported on first use.

A plug-in runs inside this process with all its rights. So no name is ever decided silently between two packages.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from nexiom_sdk.errors import PluginError
from nexiom_sdk.wording import printable

_log = logging.getLogger("nexiom_sdk")

_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_LONGEST_REASON = 300
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One installed plug-in.

    Args:
        name: The name users write.
        target: `module:attribute`.
        distribution: The package that brings it.
        version: Its version.
        entry_point: What imports it.
    """

    name: str
    target: str
    distribution: str
    version: str
    entry_point: EntryPoint = field(repr=False)

    @property
    def origin(self) -> str:
        """Where it comes from, for messages."""
        return f"{self.distribution} {self.version}, {self.target}"


def discover(group: str, *, found: Iterable[EntryPoint] | None = None) -> Mapping[str, tuple[Plugin, ...]]:
    """The plug-ins of a group by name, nothing imported; more than one for a name is a conflict, see `only`.

    Args:
        group: Entry-point group.
        found: The entry points; None: what is installed.

    Example:
        >>> [plugin.distribution for plugin in discover("nexiom_sdk.providers")["local"]]
        ['nexiom_sdk']
    """
    plugins: dict[str, dict[str, Plugin]] = {}
    for point in entry_points(group=group) if found is None else found:
        plugin = _plugin(point)
        if _NAME.fullmatch(point.name):
            # An editable install may be listed twice; like an import, the first on the path wins.
            owner = point.value if plugin.distribution == UNKNOWN else _folded(plugin.distribution)
            plugins.setdefault(point.name, {}).setdefault(owner, plugin)
        else:
            said = (group, printable(point.name), plugin.distribution)
            _log.warning("%s: '%s' of %s is not a name for a plug-in", *said, extra={"action": "plugin_failed"})
    return {name: tuple(plugins[name].values()) for name in sorted(plugins)}


def only(name: str, plugins: tuple[Plugin, ...], *, prefer: str | None = None) -> Plugin:
    """The one plug-in of a name.

    Args:
        name: The name.
        plugins: All that are installed for it.
        prefer: The distribution that shall bring it; no other is taken then.

    Raises:
        PluginError: Two packages bring it, or not the preferred one.
    """
    fitting = [one for one in plugins if prefer is None or _folded(one.distribution) == _folded(prefer)]
    if len(fitting) == 1:
        return fitting[0]
    owners = " and ".join(f"{one.distribution} {one.version}" for one in plugins)
    if fitting:
        msg = f"Two packages bring a plug-in named '{name}': {owners}."
        raise PluginError(msg, next_step="Uninstall one of them, or say which one is preferred.")
    msg = f"The plug-in '{name}' shall come from {prefer}, but comes from {owners}."
    raise PluginError(msg, next_step="Install the preferred package, or prefer another one.")


def load(plugin: Plugin) -> object:
    """Import what the plug-in names.

    Raises:
        PluginError: It cannot be imported, for whatever reason.
    """
    try:
        return plugin.entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # foreign code runs here, and one that calls sys.exit() must not end the program
        reason = printable(f"{type(error).__name__}: {error}", _LONGEST_REASON)
        msg = f"The plug-in '{plugin.name}' ({plugin.origin}) cannot be imported: {reason}."
        raise PluginError(msg) from error


def _plugin(point: EntryPoint) -> Plugin:
    metadata = point.dist.metadata if point.dist else None
    # A half-removed package may have entry points and no metadata.
    facts = {key: metadata[key] for key in ("Name", "Version") if metadata and key in metadata}
    return Plugin(
        name=point.name,
        target=point.value,
        distribution=facts.get("Name", UNKNOWN),
        version=facts.get("Version", UNKNOWN),
        entry_point=point,
    )


def _folded(distribution: str) -> str:
    """The name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
