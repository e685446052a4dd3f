"""Which failure an e-mail of Airflow is about: a mark in its text, which only this process can read.

Airflow passes an e-mail backend no context, only texts. Its template has the task instance and the exception, in the
same process and just before. So the template keeps them here (``{{ macros.dingpush.email_alert(ti, exception) }}``) and
writes a random mark into the text, by which they are found again. The mark survives any escaping, holds no secret, and
nobody can write an e-mail that is taken for a failure.
"""

from __future__ import annotations

import re
import secrets
from collections import ChainMap, OrderedDict
from collections.abc import Mapping
from typing import Any

from airflow_provider_dingpush.airflow_compat import attribute_of

_MARK = re.compile(r"dingpush-alert-([0-9a-f]{32})")
# Airflow before 3.2 renders the text twice, in case that the first one can't be sent.
_MOST_KEPT = 4
_EXECUTOR_REPORT = "Executor "
"""How Airflow's text about a task whose process was killed begins (``scheduler_job_runner.py``, read 2026-11-28)."""

_kept: OrderedDict[str, tuple[Any, Any]] = OrderedDict()


class Mark(str):
    """A comment of HTML, which a template with ``autoescape`` leaves as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def mark(ti: Any, exception: Any) -> Mark:
    """Keep a failure, and return the mark of it for the text of the e-mail."""
    name = secrets.token_hex(16)
    _kept[name] = (ti, exception)
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return Mark(f"<!-- dingpush-alert-{name} -->")


def marked_failure(html: str) -> Mapping[str, Any] | None:
    """The context of the failure whose mark is in an e-mail; ``None`` without a mark of this process."""
    for found in _MARK.finditer(html):
        if found[1] in _kept:
            return failure_context(*_kept[found[1]])
    return None


def without_marks(html: str) -> str:
    """The text without any mark."""
    return _MARK.sub("", html)


def failure_context(ti: Any, exception: Any) -> Mapping[str, Any]:
    """The context of a callback about this failure."""
    from airflow_provider_dingpush.pipeline.airflow_events import template_context

    error = exception if isinstance(exception, (BaseException, str)) else None
    if attribute_of(ti, "state") is None and str(error).startswith(_EXECUTOR_REPORT):
        # In the DAG processor of Airflow 3, where a callback gets no exception: nobody raised this one.
        error = None
    context = template_context(ti)
    return ChainMap({"exception": error}, context)  # type: ignore[arg-type]
