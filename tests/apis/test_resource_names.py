"""The names of resources lead back to the rows that they are of, and nothing else does."""

import pytest

from apis import resource_names


@pytest.mark.parametrize("pk", [1, 42, 999_999_999_999_999_999])
def test_a_name_leads_back_to_its_row(pk: int) -> None:
    assert resource_names.api_of(resource_names.of_api(pk)) == pk
    assert resource_names.binding_of(resource_names.of_binding("ip-allowlist", pk)) == pk


@pytest.mark.parametrize(
    "name", ["", "apii-", "apii-0", "apii-01", "apii--1", "apii-1a", "apii-1 ", "api-1", "apii-" + "9" * 19]
)
def test_what_is_no_name_of_an_api_leads_nowhere(name: str) -> None:
    assert resource_names.api_of(name) is None


def test_a_service_is_not_taken_for_its_api() -> None:
    assert resource_names.of_upstream(7, "0123456789abcdef") == "apii-7-01234567"
    assert resource_names.api_of_upstream("apii-7-01234567") == 7
    assert resource_names.api_of_upstream("apii-7") is None
    assert resource_names.api_of("apii-7-01234567") is None
