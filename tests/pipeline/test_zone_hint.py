"""The first alert in UTC says how to change that; no other one does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_dingpush.notifications import DingTalkNotifier
from airflow_provider_dingpush.sandbox import Sandbox
from tests.callback_contexts import task_context
from tests.default_robot import texts

HINT = (
    "Times are in UTC; to change that, set [dingpush] timezone, for example to Asia/Shanghai. This is shown only once."
)
HINT_ZH = "以上为 UTC 时间；要显示北京时间，请设置 [dingpush] timezone = Asia/Shanghai。此提示只出现一次。"
Env = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _nobody_set_a_zone(callback_process: None, outbox_home: None, monkeypatch: Env) -> None:
    monkeypatch.delenv("AIRFLOW__DINGPUSH__TIMEZONE")
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "utc")


def test_the_first_alert_in_utc_says_how_to_change_it_once(connected: Sandbox) -> None:
    """It is the last line, and remembered in the outbox, which the next process has as well."""
    for task_id in ("first", "second"):
        DingTalkNotifier(language="en")(task_context(task_id))
    first, second = texts(connected)
    assert first.endswith(f"\n\n{HINT}")
    assert HINT not in second


def test_in_chinese(connected: Sandbox) -> None:
    """The hint has the language of the alert."""
    DingTalkNotifier(language="zh")(task_context())
    assert texts(connected)[0].endswith(HINT_ZH)


def test_a_text_of_ones_own_is_left_as_it_is(connected: Sandbox) -> None:
    """It may show no time at all; the first built-in alert then has the hint."""
    DingTalkNotifier(message="failed")(task_context("first"))
    DingTalkNotifier(language="en")(task_context("second"))
    own, built_in = texts(connected)
    assert own == "failed"
    assert built_in.endswith(HINT)


@pytest.mark.parametrize(
    "set_zone",
    [
        pytest.param(lambda env: env.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Shanghai"), id="Airflow's zone"),
        pytest.param(lambda env: env.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai"), id="our zone"),
        pytest.param(lambda env: env.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "UTC"), id="UTC on purpose"),
    ],
)
def test_whoever_set_a_zone_needs_no_hint(
    connected: Sandbox, monkeypatch: Env, set_zone: Callable[[Env], None]
) -> None:
    """Also not if it is UTC."""
    set_zone(monkeypatch)
    DingTalkNotifier(language="en")(task_context())
    assert "[dingpush] timezone" not in texts(connected)[0]
