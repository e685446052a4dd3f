"""What a condition's result means, and when it needs the rows."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.send_conditions import is_yes, needs_rows, result_of

ENV = jinja2.Environment()


@pytest.mark.parametrize("value", [True, 1, [0], "True", " true ", "yes", "on", "3", "0.5", "-1"], ids=repr)
def test_yes(value: Any) -> None:
    """Jinja makes text of everything."""
    assert is_yes(value)


@pytest.mark.parametrize("value", [False, 0, None, [], "", " ", "False", "None", "0", "0.0", "no", "[]"], ids=repr)
def test_no(value: Any) -> None:
    """Also in the words of Python's values."""
    assert not is_yes(value)


@pytest.mark.parametrize("value", ["rows > 0", "{{ rows }}", "maybe"], ids=repr)
def test_an_expression_without_jinja_is_refused(value: str) -> None:
    """There is no language of ours: text that isn't a result must not count as yes."""
    with pytest.raises(InvalidMessageError, match=r"must result in true or false.*lambda rows.*请写成函数"):
        is_yes(value)


@pytest.mark.parametrize(
    ("send_if", "needs"),
    [
        (len, True),
        ("{{ rows | length > 0 }}", True),
        ("{% if rows[0].a %}1{% endif %}", True),
        ("{{ ti.xcom_pull('rows') > 3 }}", False),
        ("{{ params.rows }}", False),
        ("rows", False),
        (True, False),
        (None, False),
    ],
    ids=repr,
)
def test_only_what_names_the_rows_needs_them(send_if: Any, needs: bool) -> None:
    """Anything else is decided before the query runs."""
    assert needs_rows(send_if, lambda: ENV) == needs


def test_jinja_finds_rows_and_the_variables_of_the_run() -> None:
    """By position and by name, as Python does."""
    assert is_yes(result_of("{{ rows[0][0] > params.limit }}", ENV, {"params": {"limit": 3}}, [(4,)]))
    with pytest.raises(InvalidMessageError, match="send_if can't be rendered: 'nope' is undefined"):
        result_of("{{ rows[0][0] > nope.x }}", ENV, {}, [(4,)])
