"""The escalation of a rule as the commands show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.words import duration_text, words_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.escalations import Escalation, Step


def plain_steps(escalation: Escalation | None) -> list[dict[str, Any]]:
    """The steps as ``--json`` shows them; none without an escalation."""
    return [
        {"after_seconds": each.after_seconds, "way": each.way.value, "who": list(each.who)}
        for each in (escalation.steps if escalation is not None else ())
    ]


def steps_in_words(escalation: Escalation, language: str) -> str:
    """The steps in one line, such as ``message to the group at once, phone call after 15m (on_call)``.

    :param language: ``zh`` or ``en``.
    """
    return ("，" if language == "zh" else ", ").join(_step(each, language) for each in escalation.steps)


def _step(step: Step, language: str) -> str:
    is_chinese, way = language == "zh", step.way.words(language)
    who = ", ".join(step.who)
    if step.after_seconds == 0:
        when = "立即" if is_chinese else "at once"
    else:
        duration = duration_text(step.after_seconds, words_in(language))
        when = f"{duration}后" if is_chinese else f"after {duration}"
    if is_chinese:
        return f"{when}{way}（{who}）" if who else f"{when}{way}"
    return f"{way} {when} ({who})" if who else f"{way} {when}"
