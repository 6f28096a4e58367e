"""Settings, and the only reader of the environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from nexiom_sdk.errors import ConfigurationError, InvalidInput
from nexiom_sdk.providers.registry import ConfigEnv
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import nearest

_NEARLY = 0.9  # one letter or two; a whole word more is another name


def default_home(env: Mapping[str, str] = os.environ) -> Path:
    """Where this user's jobs and videos are kept when nothing else is said."""
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nexiom"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nexiom"
    return Path(env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nexiom"


class Settings(Frozen):
    """How a `Studio` is set up. Precedence: an argument of `Studio`, a field here, the environment, the default.

    Args:
        home: Folder for the database, the videos and what is on its way to the store [NEXIOM_HOME].
        database_url: Where rows live; None: SQLite in `home` [NEXIOM_DATABASE_URL].
        store_url: Where bytes live; None: the storage of Supabase where it is set, else the folder `home`
            [NEXIOM_STORE_URL].
        supabase_url: Address of the project of Supabase whose storage is used [NEXIOM_SUPABASE_URL].
        supabase_secret_key: The project's secret key, for workers only [NEXIOM_SUPABASE_SECRET_KEY].
        policy: File with the tier policy; None: the one that ships [NEXIOM_POLICY].
        cards: File with what you know better of models, or of more models [NEXIOM_CARDS].
        providers: Only these may be loaded; None: all that are installed [NEXIOM_PROVIDERS, comma-separated].
        budget_usd_per_day: Most money per UTC day over all users [NEXIOM_BUDGET_USD_PER_DAY].
        lease_seconds: How long a worker owns a step [NEXIOM_LEASE_SECONDS].
        job_deadline_seconds: Time for a provider to finish; None: no end [NEXIOM_JOB_DEADLINE_SECONDS].
        result_url_ttl_seconds: Validity of signed result addresses [NEXIOM_RESULT_URL_TTL_SECONDS].
        video_max_bytes: Largest video that is fetched from a provider [NEXIOM_VIDEO_MAX_BYTES].
        spool_max_bytes: Most bytes of videos that may wait on this machine for the store [NEXIOM_SPOOL_MAX_BYTES].
        callback_url: Public https address under which this service receives callbacks; what is unguessable in it is its
            protection against strangers, so it is treated as a secret [NEXIOM_CALLBACK_URL].
        provider_concurrency: Most calls at once to one provider from this process [NEXIOM_PROVIDER_CONCURRENCY].
        media_roots: Folders from which `Media.from_file` may read; default: the working folder
            [NEXIOM_MEDIA_ROOTS, separated like PATH].
        log_level: Level for command-line programs; the library itself never configures logging [NEXIOM_LOG].
        provider_config: Configuration by provider and key; it wins over the environment.

    Example:
        >>> Settings.from_env({"NEXIOM_HOME": "/srv/nexiom", "NEXIOM_LEASE_SECONDS": "90"}).lease_seconds
        90.0
    """

    home: Path = Field(default_factory=default_home)
    database_url: str | None = Field(default=None, repr=False)
    store_url: str | None = Field(default=None, repr=False)
    supabase_url: str | None = None
    supabase_secret_key: SecretStr | None = None
    policy: Path | None = None
    cards: Path | None = None
    providers: tuple[str, ...] | None = None
    budget_usd_per_day: Annotated[Decimal, Field(ge=0)] | None = None
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    job_deadline_seconds: Annotated[float, Field(gt=0)] | None = 3600.0
    result_url_ttl_seconds: Annotated[float, Field(gt=0)] = 604_800.0
    video_max_bytes: Annotated[int, Field(gt=0)] = 1024**3
    spool_max_bytes: Annotated[int, Field(gt=0)] = 5 * 1024**3
    callback_url: str | None = Field(default=None, repr=False)
    provider_concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    media_roots: tuple[Path, ...] = Field(default_factory=lambda: (Path.cwd(),))
    log_level: str | None = None
    provider_config: Mapping[str, Mapping[str, SecretStr]] = Field(default_factory=dict)

    _environment: Mapping[str, str] = PrivateAttr(default_factory=dict)

    variables: ClassVar[Mapping[str, str]] = {
        "home": "NEXIOM_HOME",
        "database_url": "NEXIOM_DATABASE_URL",
        "store_url": "NEXIOM_STORE_URL",
        "supabase_url": "NEXIOM_SUPABASE_URL",
        "supabase_secret_key": "NEXIOM_SUPABASE_SECRET_KEY",
        "policy": "NEXIOM_POLICY",
        "cards": "NEXIOM_CARDS",
        "providers": "NEXIOM_PROVIDERS",
        "budget_usd_per_day": "NEXIOM_BUDGET_USD_PER_DAY",
        "lease_seconds": "NEXIOM_LEASE_SECONDS",
        "job_deadline_seconds": "NEXIOM_JOB_DEADLINE_SECONDS",
        "result_url_ttl_seconds": "NEXIOM_RESULT_URL_TTL_SECONDS",
        "video_max_bytes": "NEXIOM_VIDEO_MAX_BYTES",
        "spool_max_bytes": "NEXIOM_SPOOL_MAX_BYTES",
        "callback_url": "NEXIOM_CALLBACK_URL",
        "provider_concurrency": "NEXIOM_PROVIDER_CONCURRENCY",
        "media_roots": "NEXIOM_MEDIA_ROOTS",
        "log_level": "NEXIOM_LOG",
    }

    @field_validator("callback_url")
    @classmethod
    def _callback_url_can_be_called(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https://[^\s/?#]+(/[^\s?#]*)?", url):
            msg = "callback_url must begin with https:// and end with its path: no query, no fragment."
            raise ValueError(msg)
        return url and url.rstrip("/")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **fields: object) -> Self:
        """Settings from environment variables; `fields` win over them.

        Args:
            env: The environment; None: that of this process.
            fields: Fields of `Settings`.

        Raises:
            ConfigurationError: A variable holds something impossible; the message names it.
        """
        environment = os.environ if env is None else env
        fields = {"home": default_home(environment), **fields} if not environment.get("NEXIOM_HOME") else fields
        for field, variable in cls.variables.items():
            text = environment.get(variable, "").strip()
            if not text or field in fields:
                continue
            try:
                fields[field] = cls._parsed(field, text)
                # One at a time, so that the error can name its variable.
                cls(**{field: fields[field]})  # type: ignore[arg-type]  # checked by pydantic
            except InvalidInput as error:
                msg = f"{variable} is set to something impossible: {error.message}"
                raise ConfigurationError(msg, next_step=f"Correct or unset {variable}.") from error
        settings = cls(**fields)  # type: ignore[arg-type]  # checked by pydantic
        settings._environment = dict(environment)
        return settings

    @staticmethod
    def _parsed(field: str, text: str) -> object:
        match field:
            case "providers":
                return tuple(filter(None, (name.strip() for name in text.split(","))))
            case "media_roots":
                return tuple(Path(root).expanduser() for root in text.split(os.pathsep) if root)
            case "home" | "policy" | "cards":
                return Path(text).expanduser()
            case _:
                return text

    def misspelt(self) -> list[str]:
        """What is wrong with names of variables that are nearly those of settings; others may be somebody else's.

        Example:
            >>> Settings.from_env({"NEXIOM_LEASE_SECOND": "90"}).misspelt()
            ['NEXIOM_LEASE_SECOND is not a setting, and nothing reads it. Did you mean NEXIOM_LEASE_SECONDS?']
        """
        known = {*self.variables.values()}
        odd = sorted(name for name in self._environment if name.startswith("NEXIOM_") and name not in known)
        return [
            f"{name} is not a setting, and nothing reads it. Did you mean {guess}?"
            for name in odd
            if (guess := nearest(name, known, alike=_NEARLY)) is not None
        ]

    def configuration(self, provider: str, declared: ConfigEnv) -> dict[str, str | SecretStr]:
        """What a provider's factory gets: its own environment variables, overridden by `provider_config`.

        Where `provider_config` holds a whole set of credentials, those of other sets in the environment are left out:
        nobody shall pay from another account than the one that was named.

        Args:
            provider: Name of the provider.
            declared: What the adapter reads.
        """
        explicit = self.provider_config.get(provider, {})
        sets = [frozenset(keys) for keys in declared.credential_sets]
        given = frozenset[str]().union(*(keys for keys in sets if keys <= explicit.keys()))
        left_out = frozenset[str]().union(*sets) - given if given else frozenset[str]()
        pairs = ((key, variable) for variable, key in declared.config_env_also.items())
        from_environment = {
            key: SecretStr(self._environment[variable])
            for key, variable in (*pairs, *declared.config_env.items())  # the last one wins
            if self._environment.get(variable) and key not in left_out
        }
        return {**from_environment, **explicit}

    @property
    def database(self) -> str:
        """URL of the place where rows live."""
        return self.database_url or (self.home.absolute() / "nexiom.db").as_uri().replace("file:", "sqlite:", 1)

    @property
    def store(self) -> str | tuple[str, SecretStr]:
        """Where bytes live: a URL, or address and secret key of the project of Supabase whose storage is used.

        Raises:
            ConfigurationError: One of these two is set without the other, and no other store.
        """
        if self.store_url is not None or (self.supabase_url is None and self.supabase_secret_key is None):
            return self.store_url or self.home.absolute().as_uri()
        if self.supabase_url is not None and self.supabase_secret_key is not None:
            return self.supabase_url, self.supabase_secret_key
        given, missing = "NEXIOM_SUPABASE_URL", "NEXIOM_SUPABASE_SECRET_KEY"
        if self.supabase_url is None:
            given, missing = missing, given
        msg = f"{given} is set and {missing} is not: the storage of Supabase needs both."
        raise ConfigurationError(msg, next_step=f"Set {missing}, or NEXIOM_STORE_URL to another store.")

    @property
    def keeps_files_here(self) -> bool:
        """Whether bytes live in a folder of this machine."""
        return isinstance(self.store, str) and self.store.startswith("file:")

    @property
    def spool(self) -> Path:
        """Folder for videos on their way from a provider to the store."""
        return self.home / "spool"
