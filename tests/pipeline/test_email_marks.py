"""The mark by which an e-mail's template hands over the failure: nobody can write one, and it survives any escaping."""

from __future__ import annotations

import html
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import jinja2
import jinja2.sandbox
import pytest
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_dingpush.email_backend import HTML_CONTENT_TEMPLATE, SUBJECT_TEMPLATE
from airflow_provider_dingpush.pipeline import email_marks
from airflow_provider_dingpush.pipeline.email_marks import mark, marked_failure, without_marks
from airflow_provider_dingpush.plugin import DingPushPlugin, email_alert
from tests.callback_contexts import task_context


@pytest.fixture(autouse=True)
def _process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_marks, "_kept", OrderedDict())


def failed_task(**changes: Any) -> SimpleNamespace:
    context = task_context()
    context.pop("exception")
    ti = SimpleNamespace(**{**vars(context["ti"]), "log_url": "http://airflow.example/log", **changes})
    ti.get_template_context = lambda: {**context, "ti": ti}
    return ti


def render(path: str, env: jinja2.Environment, ti: Any, **more: Any) -> str:
    with open(path, encoding="utf-8") as file:
        template = env.from_string(file.read())
    macros = SimpleNamespace(
        **{DingPushPlugin.name: SimpleNamespace(**{each.__name__: each for each in DingPushPlugin.macros})}
    )
    names = {"exception": ValueError("boom"), "exception_html": "boom", "try_number": 1, "max_tries": 0}
    return str(template.render(ti=ti, **{"macros": macros, **names, **more}))


@pytest.mark.parametrize(
    "env",
    [
        jinja2.Environment(),
        jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined),
        jinja2.sandbox.SandboxedEnvironment(),
        NativeEnvironment(),
    ],
    ids=["plain", "autoescape and strict", "sandboxed", "native"],
)
def test_the_template_hands_over_the_failure(env: jinja2.Environment) -> None:
    """In each environment that a DAG may have."""
    ti = failed_task()
    text = render(HTML_CONTENT_TEMPLATE, env, ti)
    context = marked_failure(text)
    assert context is not None
    assert context["ti"] is ti
    assert str(context["exception"]) == "boom"
    assert "<!-- dingpush-alert-" in text  # people who get the e-mail don't see it
    assert text.splitlines()[1:3] == ["Try 1 out of 1<br>", "Exception:<br>boom<br>"]


def test_it_survives_escaping() -> None:
    text = html.escape(mark(failed_task(), ValueError("x")))
    assert marked_failure(text) is not None
    assert "dingpush-alert" not in without_marks(text)


def test_without_the_plugin_the_template_is_airflows_own_text() -> None:
    """As on a machine where the package is only on the path."""
    text = render(
        HTML_CONTENT_TEMPLATE,
        jinja2.Environment(undefined=jinja2.StrictUndefined),
        failed_task(),
        macros=SimpleNamespace(),
    )
    assert text.strip().startswith("Try 1 out of 1<br>")


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"state": "failed"}, "Airflow alert: <TaskInstance: etl_daily.load_orders manual__1 [failed]>"),
        ({"state": None}, "Airflow alert: <TaskInstance: etl_daily.load_orders manual__1 [None]>"),
        ({"map_index": 3}, "Airflow alert: <TaskInstance: etl_daily.load_orders manual__1 map_index=3 [failed]>"),
        ({"map_index": None}, "Airflow alert: <TaskInstance: etl_daily.load_orders manual__1 [failed]>"),
    ],
)
def test_the_subject_is_that_of_airflow_2(changes: dict[str, Any], subject: str) -> None:
    """On every version: filters of mail programs go on working. One line, as e-mails need it."""
    assert (
        render(SUBJECT_TEMPLATE, jinja2.Environment(undefined=jinja2.StrictUndefined), failed_task(**changes))
        == subject
    )


def test_nobody_can_write_one() -> None:
    """Of another process, or guessed."""
    mark(failed_task(), None)
    assert marked_failure(f"<!-- dingpush-alert-{'0' * 32} -->") is None


def test_only_the_latest_are_kept() -> None:
    """A process may send many, and must not keep all of their contexts."""
    marks = [mark(failed_task(), None) for _ in range(10)]
    assert [marked_failure(each) is not None for each in marks] == [False] * 6 + [True] * 4


def test_airflows_report_of_a_killed_task_is_no_exception() -> None:
    """The DAG processor of Airflow 3 gives it to an e-mail, and not to a callback: both are the same alert."""
    report = Exception(
        "Executor LocalExecutor(parallelism=8) reported that the task instance … finished with state failed"
    )
    killed = marked_failure(mark(failed_task(state=None), report))
    raised = marked_failure(mark(failed_task(), report))
    assert killed is not None
    assert raised is not None
    assert (killed["exception"], raised["exception"]) == (None, report)


def test_the_macro_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The e-mail is worth more."""
    monkeypatch.setattr(email_marks, "mark", None)
    assert email_alert(failed_task()) == ""
