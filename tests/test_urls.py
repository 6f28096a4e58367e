from __future__ import annotations

import pytest
from pydantic import SecretStr

from nexiom_sdk.backends.urls import repository_of, scheme_of, store_of
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.testing.clock import VirtualClock

FORMS = "Write it like file:///srv/films for a folder, or s3://films?region=eu-central-1 for a bucket."


def refused(url: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        store_of(url, clock=VirtualClock())
    return caught.value


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("/srv/films", "For this folder, write file:///srv/films."),
        ("/srv/my films", "For this folder, write file:///srv/my%20films."),
        ("films", FORMS),
        ("s3//films", FORMS),
        ("C:\\films", FORMS),
        ("", FORMS),
        ("/user:CANARY@host", FORMS),
    ],
)
def test_a_store_that_is_no_url_is_told_how_one_is_written(url: str, next_step: str) -> None:
    error = refused(url)
    assert (error.message, error.next_step) == ("NEXIOM_STORE_URL is no URL.", next_step)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://films.s3.amazonaws.com", "s3://films?region="),
        ("https://films.s3.eu-central-1.amazonaws.com:443/a", "s3://films?region="),
        ("https://u:CANARY@abc.supabase.co/storage/v1", "set NEXIOM_SUPABASE_URL and NEXIOM_SUPABASE_SECRET_KEY"),
        ("HTTP://minio:9000?token=CANARY", "s3://films?endpoint=https://host"),
    ],
)
def test_a_web_address_is_no_store_and_what_would_be_one_is_said(url: str, words: str) -> None:
    error = refused(url)
    assert "NEXIOM_STORE_URL is the address of a web page" in error.message
    assert words in error.next_step
    assert "CANARY" not in str(error)


def test_a_kind_of_store_that_is_not_installed_is_named() -> None:
    assert "'ftp:'" in refused("ftp://films").message


@pytest.mark.parametrize(
    ("url", "said", "next_step"),
    [
        ("mysql://u:CANARY@h/jobs", "'mysql:'", "install the package"),
        ("postgresql+psycopg://u:CANARY@h/jobs", "'postgresql+psycopg:'", "Write postgresql: alone"),
        ("sqllite:///srv/jobs.db", "Did you mean 'sqlite:'?", "Correct the address"),
    ],
)
def test_another_kind_of_database_is_quoted_as_it_was_written_and_taken_for_no_other(
    url: str, said: str, next_step: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        repository_of(url, clock=VirtualClock())
    assert said in caught.value.message
    assert ("Did you mean" in caught.value.message) == ("Did you mean" in said)
    assert next_step in caught.value.next_step
    assert "CANARY" not in str(caught.value)


def test_a_database_that_is_no_url_gets_the_words_for_databases() -> None:
    with pytest.raises(ConfigurationError, match=r"NEXIOM_DATABASE_URL is no URL\.") as caught:
        scheme_of(SecretStr("host=h password=CANARY"))
    assert "postgresql://" in caught.value.next_step
    assert "CANARY" not in str(caught.value)
