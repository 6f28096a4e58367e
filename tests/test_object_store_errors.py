from __future__ import annotations

import pytest

from nexiom_sdk.backends.object_store_errors import is_missing, refuses, trouble

# Words of obstore 0.12.1, as it said them on the way to servers of each kind.
AWAY = "Generic S3 error: Error performing HEAD http://127.0.0.1:1/b/a in 129ms, after 2 retries, max_retries: 2, "
AWAY += "retry_timeout: 5s  - HTTP error: error sending request"
NO_KEYS = "Generic S3 error: Error performing PUT http://127.0.0.1:1/latest/api/token in 148ms, after 2 retries, "
NO_KEYS += "max_retries: 2, retry_timeout: 5s  - HTTP error: error sending request"
GOOGLE_KEYS = (
    "Generic GCS error: Error performing token request: Error performing GET http://127.0.0.1:1/computeMetadata/v1"
)
NO_SIGNING = "Generic MicrosoftAzure error: Generating SAS keys with SAS tokens auth is not supported"


def answered(status: int, code: str = "") -> str:
    body = f"<Error><Code>{code}</Code><Message>CANARY</Message></Error>" if code else ""
    return (
        f"Error performing GET http://h/b/a?sig=CANARY in 2ms - Server returned non-2xx status code: {status} X: {body}"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(AWAY), "it cannot be reached."),
        (OSError(NO_KEYS), "no keys for it were found."),
        (OSError(GOOGLE_KEYS), "no keys for it were found."),
        (TimeoutError(), "it did not answer in time."),
        (OSError("HTTP error: operation timed out"), "it did not answer in time."),
        (OSError("Received redirect without LOCATION, this normally indicates ..."), "it is in another region."),
        (OSError(answered(503, "SlowDown")), "it has too much to do (503 SlowDown)."),
        (OSError(answered(429)), "it has too much to do (429)."),
        (OSError(answered(500)), "it answered with an error (500)."),
        (OSError(answered(507)), "it is full, or takes no objects as large as this (507)."),
        (FileNotFoundError(answered(404)), "what was asked for is not there (404)."),
        (FileNotFoundError(answered(404, "ContainerNotFound")), "the bucket is not there (404 ContainerNotFound)."),
        (ValueError("CANARY"), "obstore gave up (ValueError)."),
    ],
)
def test_what_obstore_says_becomes_words_of_ours(error: Exception, words: str) -> None:
    said = trouble(error, "s3://films")
    assert said.message == f"The store in s3://films cannot be used: {words}"
    assert "jobs stay as they are" in said.next_step
    assert "CANARY" not in str(said)


@pytest.mark.parametrize(
    ("error", "variables"),
    [
        (OSError(NO_KEYS), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (OSError(GOOGLE_KEYS), "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT"),
        (
            OSError("Generic MicrosoftAzure error: token request: GET http://h/metadata/identity/oauth2/token"),
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        ),
        (PermissionError(f"Generic S3 error: {answered(403)}"), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (PermissionError(answered(403)), "the variables with its keys"),
    ],
)
def test_whoever_has_no_keys_is_told_the_variables(error: Exception, variables: str) -> None:
    said = trouble(error, "s3://films").next_step
    assert variables in said
    assert "docs/" not in said
    assert "{" not in said


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (FileNotFoundError(answered(404)), True),
        (FileNotFoundError(answered(404, "NoSuchKey")), True),
        (FileNotFoundError(answered(404, "NoSuchBucket")), False),
        (FileNotFoundError(answered(404, "ContainerNotFound")), False),
        (OSError(answered(404)), False),
    ],
)
def test_only_an_object_is_missing_and_never_a_bucket(error: Exception, missing: bool) -> None:
    assert is_missing(error) == missing


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (ValueError(NO_SIGNING), True),
        (OSError(answered(403)), True),
        (OSError(GOOGLE_KEYS), True),
        (OSError(AWAY), False),
        (OSError(answered(500)), False),
        (OSError(answered(429)), False),
        (TimeoutError(), False),
    ],
)
def test_who_cannot_sign_is_told_from_who_cannot_sign_now(error: Exception, final: bool) -> None:
    assert refuses(error) == final
