from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexiom_sdk import Settings
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers.registry import ConfigEnv


def test_every_variable_sets_its_field(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "NEXIOM_HOME": str(tmp_path),
            "NEXIOM_DATABASE_URL": "sqlite:///x.db",
            "NEXIOM_STORE_URL": "file:///videos",
            "NEXIOM_SUPABASE_URL": "https://p.example",
            "NEXIOM_SUPABASE_SECRET_KEY": "CANARY-KEY",
            "NEXIOM_POLICY": "policy.json",
            "NEXIOM_PROVIDERS": "acme, bolt,",
            "NEXIOM_BUDGET_USD_PER_DAY": "12.50",
            "NEXIOM_LEASE_SECONDS": "90",
            "NEXIOM_JOB_DEADLINE_SECONDS": "120",
            "NEXIOM_RESULT_URL_TTL_SECONDS": "60",
            "NEXIOM_CALLBACK_URL": "https://hooks.example/CANARY-PATH/",
            "NEXIOM_MEDIA_ROOTS": os.pathsep.join(["/a", "/b"]),
            "NEXIOM_LOG": "debug",
        }
    )
    assert settings.home == tmp_path
    assert settings.providers == ("acme", "bolt")
    assert settings.budget_usd_per_day == Decimal("12.50")
    assert settings.lease_seconds == 90
    assert settings.callback_url == "https://hooks.example/CANARY-PATH"
    assert settings.media_roots == (Path("/a"), Path("/b"))
    assert set(Settings.variables) <= set(Settings.model_fields)
    assert "CANARY" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("NEXIOM_LEASE_SECONDS", "soon"),
        ("NEXIOM_LEASE_SECONDS", "0"),
        ("NEXIOM_BUDGET_USD_PER_DAY", "-5"),
        ("NEXIOM_JOB_DEADLINE_SECONDS", "never"),
        ("NEXIOM_CALLBACK_URL", "http://hooks.example/CANARY"),
        ("NEXIOM_CALLBACK_URL", "https:///CANARY"),
        ("NEXIOM_CALLBACK_URL", "https://hooks.example/?token=CANARY"),
        ("NEXIOM_CALLBACK_URL", "https://hooks.example/#CANARY"),
        ("NEXIOM_CALLBACK_URL", "https://hooks.example/C A N A R Y"),
    ],
)
def test_an_impossible_variable_is_named(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=variable) as caught:
        Settings.from_env({variable: text})
    assert "CANARY" not in str(caught.value)


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Settings.from_env({"NEXIOM_LEASE_SECONDS": " "}).lease_seconds == 60


def test_arguments_win_over_the_environment() -> None:
    assert Settings.from_env({"NEXIOM_LEASE_SECONDS": "90"}, lease_seconds=30).lease_seconds == 30


def test_a_provider_gets_its_own_variables_as_secrets_and_no_others() -> None:
    settings = Settings.from_env({"ACME_API_KEY": "k1", "OTHER": "x", "ACME_BASE_URL": ""})
    found = settings.configuration(
        "acme", ConfigEnv(config_env={"api_key": "ACME_API_KEY", "base_url": "ACME_BASE_URL"})
    )
    assert found == {"api_key": SecretStr("k1")}


def test_configured_values_win_over_variables() -> None:
    settings = Settings.from_env({"ACME_API_KEY": "k1"}, provider_config={"acme": {"api_key": SecretStr("k2")}})
    assert settings.configuration("acme", ConfigEnv(config_env={"api_key": "ACME_API_KEY"})) == {
        "api_key": SecretStr("k2")
    }


PAIR_OR_KEY = ConfigEnv(
    config_env={"key": "ACME_KEY", "id": "ACME_ID", "secret": "ACME_SECRET", "base_url": "ACME_URL"},
    config_env_also={"OLD_ACME_KEY": "key"},
    credential_sets=(("key",), ("id", "secret")),
)


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"OLD_ACME_KEY": "old"}, "old"),
        ({"OLD_ACME_KEY": "old", "ACME_KEY": "new"}, "new"),
        ({"OLD_ACME_KEY": "old", "ACME_KEY": ""}, "old"),
    ],
)
def test_another_variable_is_read_where_the_first_one_is_not_set(env: dict[str, str], found: str) -> None:
    assert Settings.from_env(env).configuration("acme", PAIR_OR_KEY) == {"key": SecretStr(found)}


def test_an_account_that_was_named_is_not_mixed_with_another_one_of_the_environment() -> None:
    env = {"ACME_KEY": "someone's", "ACME_ID": "other", "ACME_SECRET": "other", "ACME_URL": "https://acme.example"}
    pair = {"id": SecretStr("mine"), "secret": SecretStr("mine")}

    def read(explicit: dict[str, SecretStr]) -> dict[str, str]:
        settings = Settings.from_env(env, provider_config={"acme": explicit})
        found = settings.configuration("acme", PAIR_OR_KEY)
        return {key: value.get_secret_value() for key, value in found.items() if isinstance(value, SecretStr)}

    assert read(pair) == {"id": "mine", "secret": "mine", "base_url": "https://acme.example"}
    assert read({"key": SecretStr("mine")}) == {"key": "mine", "base_url": "https://acme.example"}
    # Half a set names no account.
    assert read({"id": SecretStr("mine")}) == {
        "key": "someone's", "id": "mine", "secret": "other", "base_url": "https://acme.example"
    }  # fmt: skip


def test_nothing_of_the_environment_is_in_the_repr_or_the_dump() -> None:
    settings = Settings.from_env({"ACME_API_KEY": "CANARY-KEY", "NEXIOM_DATABASE_URL": "postgresql://u:CANARY-PW@h/d"})
    assert "CANARY" not in repr(settings)


def test_everything_lives_below_home_by_default(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "my videos")
    assert settings.database.startswith("sqlite:///")
    assert settings.database.endswith("/my%20videos/nexiom.db")
    assert settings.store == (tmp_path / "my videos").as_uri()
    assert settings.spool == tmp_path / "my videos" / "spool"


def test_bytes_live_in_supabase_where_it_is_set_and_no_other_store_is() -> None:
    both = {"NEXIOM_SUPABASE_URL": "https://abc.supabase.co", "NEXIOM_SUPABASE_SECRET_KEY": "CANARY"}
    settings = Settings.from_env(both)
    assert settings.store == ("https://abc.supabase.co", SecretStr("CANARY"))
    assert "CANARY" not in f"{settings!r} {settings.store!r}"
    assert Settings.from_env({**both, "NEXIOM_STORE_URL": "file:///srv"}).store == "file:///srv"


def test_only_a_folder_of_this_machine_keeps_files_here() -> None:
    project = Settings(supabase_url="https://abc.supabase.co", supabase_secret_key=SecretStr("CANARY"))
    assert Settings().keeps_files_here
    assert not project.keeps_files_here
    assert project.evolve(store_url="file:///srv").keeps_files_here
    assert not project.evolve(store_url="s3://films").keeps_files_here


@pytest.mark.parametrize("missing", ["NEXIOM_SUPABASE_URL", "NEXIOM_SUPABASE_SECRET_KEY"])
def test_half_of_supabase_is_a_mistake_once_the_store_is_needed(missing: str) -> None:
    both = {"NEXIOM_SUPABASE_URL": "https://abc.supabase.co", "NEXIOM_SUPABASE_SECRET_KEY": "CANARY"}
    settings = Settings.from_env({name: value for name, value in both.items() if name != missing})
    with pytest.raises(ConfigurationError, match=f"and {missing} is not") as caught:
        _ = settings.store
    assert missing in caught.value.next_step
    assert "CANARY" not in str(caught.value)
    assert settings.evolve(store_url="file:///srv").store == "file:///srv"


def test_home_follows_the_user_data_folder_of_the_environment() -> None:
    assert Settings.from_env({"XDG_DATA_HOME": "/data"}).home == Path("/data/nexiom")
