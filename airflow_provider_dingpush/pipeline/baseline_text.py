"""How a baseline of today reads: in ``dingpush baselines``, and on the page in Airflow's UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.words import duration_text, words_in
from airflow_provider_dingpush.oncall.baselines import Outlook, Progress
from airflow_provider_dingpush.pipeline.baseline_alerts import output_text

if TYPE_CHECKING:
    from airflow_provider_dingpush.oncall.baselines import BaselineDay

# Name of a text -> the text in English and in Chinese.
_TEXTS: Mapping[str, tuple[str, str]] = {
    "semicolon": ("; ", "；"),
    "why": ("{state} ({why})", "{state}（{why}）"),
    "at_once": ("<1m", "不到 1 分"),
    "upstream": ("waits for {dag}", "正在等待 {dag}"),
}
# Of these every output that isn't done is shown.
_EXPLAINED = (Outlook.AT_RISK, Outlook.BREACHED, Outlook.ON_TIME, Outlook.NO_HISTORY)
_SECONDS_OF_A_MINUTE = 60.0


def margin_text(seconds: float, language: str) -> str:
    """How long before its due time it is done, in minutes and larger units: ``1h 25m``, or ``-10m`` after it.

    :param seconds: less than 0 if it is after the due time.
    :param language: ``zh`` or ``en``.
    """
    whole = abs(seconds) // _SECONDS_OF_A_MINUTE * _SECONDS_OF_A_MINUTE
    text = duration_text(whole, words_in(language)) if whole else _text("at_once", language)
    return f"-{text}" if seconds <= -_SECONDS_OF_A_MINUTE else text


def state_text(day: BaselineDay, language: str, *, now: float) -> str:
    """How it stands, and what it waits for: ``at risk (report: has not started; usually starts at 07:00)``.

    :param language: ``zh`` or ``en``.
    :param now: in seconds since 1970.
    """
    state = day.outlook.in_language(language)
    if day.outlook not in _EXPLAINED:
        return state
    left = [each for each in day.forecasts if each.progress is not Progress.DONE]
    why = [
        output_text(day, each, language, now=now, zone=day.baseline.zone)
        for each in left
        if day.outlook is not Outlook.ON_TIME or each.progress is not Progress.WAITING
    ]
    if day.late_upstream:
        why.insert(0, _text("upstream", language, dag=day.late_upstream))
    return _text("why", language, state=state, why=_text("semicolon", language).join(why)) if why else state


def _text(name: str, language: str, /, **values: object) -> str:
    return _TEXTS[name][language == "zh"].format(**values)
