"""``send_if=``: whether a task sends its message, decided by Python or by Jinja; there is no language of its own."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import as_shown

if TYPE_CHECKING:
    import jinja2

    SendIf = Callable[[Sequence[Any]], Any] | str | bool | None

ROWS = "rows"
"""The name of the rows in a Jinja expression."""
_NO = frozenset({"", "false", "no", "off", "none", "null", "[]", "{}", "()"})
_YES = frozenset({"true", "yes", "on"})


def needs_rows(send_if: Any, environment: Callable[[], jinja2.Environment]) -> bool:
    """Whether the rows must be known before it can be decided: for a callable, and for Jinja that names ``rows``.

    :param environment: of the DAG, which may have its own marks for Jinja.
    """
    if not isinstance(send_if, str):
        return callable(send_if)
    if ROWS not in send_if:
        return False
    from jinja2 import meta

    return ROWS in meta.find_undeclared_variables(environment().parse(send_if))


def is_yes(value: Any) -> bool:
    """Whether the result of a condition means to send.

    Any value counts as Python counts it, but for text, which Jinja makes of everything: ``False``, ``None``, ``0`` and
    an empty text mean no, ``True`` and other numbers yes.

    :raises InvalidMessageError: for any other text, which is probably an expression without ``{{ }}``.
    """
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word in _NO:
        return False
    if word in _YES:
        return True
    try:
        return float(word) != 0
    except ValueError:
        raise InvalidMessageError(
            f"send_if must result in true or false, not {as_shown(value)}.",
            'Write a function, send_if=lambda rows: len(rows) > 0, or Jinja: send_if="{{ rows | length > 0 }}". '
            "请写成函数或 Jinja 表达式。",
        ) from None


def result_of(send_if: str, env: jinja2.Environment, context: Any, rows: Any) -> Any:
    """The result of Jinja that names the rows.

    :raises InvalidMessageError: if it can't be rendered.
    """
    import jinja2

    from airflow_provider_dingpush.templating import Renderer
    from airflow_provider_dingpush.templating_filters import add_filters

    try:
        # Not a copy: Airflow 2 warns of each deprecated key that is read.
        return Renderer(add_filters(env), ChainMap({ROWS: rows}, context)).native(send_if)
    except jinja2.TemplateError as error:
        raise InvalidMessageError(f"send_if can't be rendered: {error}") from None
