"""The text of a phone call: short enough to be heard to its end, and clear to a voice that reads it."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from airflow_provider_dingpush.alerts.visible_text import as_shown
from airflow_provider_dingpush.alerts.words import Words, words_in
from airflow_provider_dingpush.events import Event, Subject
from airflow_provider_dingpush.messages.fitting import whole_characters

MOST_CHARACTERS = 60
"""How long it may be, in Chinese characters: about 20 seconds. DingTalk documents no limit; this is a guess."""

_OF_DAGS = (Subject.TASK, Subject.RUN, Subject.DEADLINE, Subject.QUESTION)
# A voice reads a long number as millions; a date or an id is understood digit by digit.
_LONG_NUMBER = re.compile(r"\d{5,}", re.ASCII)
_SHORTEST_NAME, _LONGEST_NAME = 4, 250
_SEPARATORS = "_-./: "


def spoken_text(
    event: Event,
    *,
    dag_id: str,
    task_id: str | None = None,
    at: datetime | None = None,
    severity: str | None = None,
    language: str,
    most: float = MOST_CHARACTERS,
) -> str:
    """One sentence about an event, such as "DAG etl_orders failed at 03:12, severity P1".

    Long names are cut at one of their separators; what happened, when, and how urgent it is are always whole.

    :param event: what happened.
    :param dag_id: the DAG; of an event about a file or Airflow itself, its name.
    :param task_id: the task, if it is about one.
    :param at: when it happened, in the zone of whoever listens.
    :param severity: such as ``P1``.
    :param language: ``zh`` or ``en``.
    :param most: how long it may be, in Chinese characters; a Latin letter or digit counts as half of one.
    """
    words = words_in(language)
    dag, task = _readable(dag_id), _readable(task_id or "")
    while True:
        text = _sentence(words, event, _name(words, event, dag, task), at, severity)
        too_long = _length(text) - most
        shortened = (_shorter(dag), task) if _length(dag) >= _length(task) else (dag, _shorter(task))
        if too_long <= 0 or shortened == (dag, task):
            return text
        dag, task = shortened


def _name(words: Words, event: Event, dag: str, task: str) -> str:
    if event.subject not in _OF_DAGS:
        return dag
    return words("spoken_task", dag=dag, task=task) if task else words("spoken_dag", dag=dag)


def _sentence(words: Words, event: Event, name: str, at: datetime | None, severity: str | None) -> str:
    special = f"spoken_{event.value}"
    return words(
        "spoken",
        name=name,
        what=words(special) if special in words.texts else words.event_in_line(event),
        time=words("spoken_time", hour=at.hour, minute=at.minute) if at is not None else "",
        severity=words("spoken_severity", severity=severity) if severity else "",
    )


def _readable(name: str) -> str:
    one_line = " ".join(as_shown(name).split())
    one_line = one_line[: whole_characters(one_line, min(len(one_line), _LONGEST_NAME))]
    return _LONG_NUMBER.sub(lambda found: " ".join(found.group()), one_line)


def _shorter(name: str) -> str:
    """The name without its last part, or without its last character; as it is once it is as short as it may be."""
    if len(name) <= _SHORTEST_NAME:
        return name
    kept = name[: whole_characters(name, len(name) - 1)].rstrip(_SEPARATORS)
    last = max(kept.rfind(each) for each in _SEPARATORS)
    return kept[:last].rstrip(_SEPARATORS) if last >= max(_SHORTEST_NAME, len(name) // 2) else kept or name


def _length(text: str) -> float:
    return sum(1.0 if unicodedata.east_asian_width(each) in "WF" else 0.5 for each in text)
