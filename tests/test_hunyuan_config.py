from __future__ import annotations

import pytest

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.hunyuan_config import ALSO, CREDENTIAL_SETS, VARIABLES, prompt_max_chars, region


def config(**values: str) -> Configuration:
    return Configuration(title="Hunyuan", values=values, variables=VARIABLES)


def test_each_key_has_a_variable_of_its_own() -> None:
    assert len({*VARIABLES.values(), *ALSO}) == len(VARIABLES) + len(ALSO)
    assert {*ALSO.values()} | {key for keys in CREDENTIAL_SETS for key in keys} <= VARIABLES.keys()


def test_the_longest_prompt_is_what_the_operator_says_else_200_characters() -> None:
    assert [prompt_max_chars(config(prompt_max_chars=said)) for said in ("", " 1 ", "999999")] == [200, 1, 999_999]


@pytest.mark.parametrize("said", ["0", "-1", "1.5", "many", "1000000", "٣", "1 000"])
def test_a_longest_prompt_that_is_no_number_of_characters_is_refused(said: str) -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_HUNYUAN_PROMPT_MAX_CHARS"):
        prompt_max_chars(config(prompt_max_chars=said))


def test_the_region_is_what_the_operator_says_else_the_one_that_has_the_service() -> None:
    assert [region(config(region=said)) for said in ("", "ap-shanghai")] == ["ap-guangzhou", "ap-shanghai"]


@pytest.mark.parametrize("said", ["ap guangzhou", "ap-guangzhou\r\nX-TC-Token: x", "広州", "AP-GUANGZHOU", "a" * 41])
def test_a_region_that_cannot_be_one_is_refused(said: str) -> None:
    with pytest.raises(ConfigurationError, match="TENCENTCLOUD_REGION"):
        region(config(region=said))
