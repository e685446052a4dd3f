"""Rules name the field that breaks them by its whole path, in the words of either generation."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dingpush.sandbox.field_rules import (
    OAPI,
    V1,
    Fields,
    Rule,
    at_most,
    each,
    either,
    matching,
    optional_text,
    part,
    text,
)
from airflow_provider_dingpush.sandbox.model import RefusedError


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (text, "a", ["", None, 1, []]),
        (optional_text, "", [1, {}]),
        (at_most(3), "abc", ["abcd", ""]),
        (at_most(3, required=False), None, ["abcd"]),
        (matching(r"\d+"), "12", ["a", "1a", "", "１"]),
        (matching("[01]", required=False), "", ["2", 1]),
        (part({"b": text}), {"b": "c"}, [{}, {"b": 1}, None, "b"]),
        (part({"b": text}, required=False), None, [{}]),
        (each({"b": text}), [{"b": "c"}], [[], [{}], None, {}, ["b"]]),
        (each({"b": text}, required=False), None, [[], [{}]]),
        (each({"b": text}, most_characters=11), [{"b": "c"}], [[{"b": "cc"}]]),
    ],
)
def test_what_a_rule_takes(rule: Rule, good: Any, bad: list[Any]) -> None:
    """The good value passes, each bad one is refused."""
    Fields({"a": good}, OAPI).check({"a": rule})
    for value in bad:
        with pytest.raises(RefusedError):
            Fields({"a": value}, OAPI).check({"a": rule})


def test_one_of_two_sets_of_fields() -> None:
    """What is given decides which set is required."""
    rules = {"": either({"single": text, "url": text}, {"many": each({"url": text})})}
    Fields({"single": "a", "url": "b", "many": 1}, OAPI).check(rules)
    Fields({"many": [{"url": "b"}]}, OAPI).check(rules)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"single": "a"}, "url"),
        ({}, "many"),
        ({"many": [{}]}, r"many\[0\].url"),
    ]
    for values, wrong in refused:
        with pytest.raises(RefusedError, match=wrong):
            Fields(values, OAPI).check(rules)


def test_a_refusal_names_the_whole_path() -> None:
    """From the beginning that the caller gives to the field of an object in a list in an object."""
    rules = {"b": part({"c": each({"d": text})})}
    with pytest.raises(RefusedError) as caught:
        Fields({"b": {"c": [{"d": "x"}, {}]}}, OAPI, "a.").check(rules)
    assert caught.value.reply == {"errcode": 40035, "errmsg": "缺少参数 a.b.c[1].d"}
    with pytest.raises(RefusedError) as caught:
        Fields({"b": {"c": [{"d": 1}]}}, V1).check(rules)
    assert (caught.value.status, caught.value.reply["message"]) == (400, "参数不合法: b.c[0].d")
