"""The addresses of an e-mail, in every form in which Airflow passes them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.emails import Email, addresses_in


@pytest.mark.parametrize(
    ("given", "addresses"),
    [
        ((None,), ()),
        (("A@Example.com, b@x.cn；c@x.cn",), ("a@example.com", "b@x.cn", "c@x.cn")),
        ((["Zhang San <zhang@x.cn>", "zhang@x.cn"], "li@x.cn"), ("zhang@x.cn", "li@x.cn")),
        (("",), ()),
    ],
)
def test_addresses(given: Any, addresses: tuple[str, ...]) -> None:
    assert addresses_in(*given) == addresses


def test_an_iterator_of_addresses_is_read_once() -> None:
    email = Email(iter(["a@x.cn"]), "s", "h")
    assert email.recipients == email.recipients == ("a@x.cn",)
