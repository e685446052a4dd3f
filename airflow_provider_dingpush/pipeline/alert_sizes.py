"""Alerts are cut before they are stored: a template can expand a few lines to megabytes, and a disk is small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.pipeline.composing import default_language

MOST_BYTES = 100_000
"""The most bytes that a stored alert has."""
_TEXT_BYTES = 16_000  # DingTalk accepts 20,000 bytes in a message, titles and mentions included
_LEAST_BYTES = 200
_MOST_ITEMS = 200


def bounded(alert: Alert) -> Alert:
    """The alert, with its texts cut to what DingTalk accepts; a note marks each cut."""
    language, most = alert.language or default_language(), _TEXT_BYTES
    while len(alert.to_json().encode("utf-8", "surrogatepass")) > MOST_BYTES and most >= _LEAST_BYTES:

        def shortened(plain: Any, most: int = most) -> Any:
            return _shortened(plain, most, language)

        alert = replace(
            alert,
            summary=shortened(alert.summary),
            facts=shortened(alert.facts),
            message=shortened(alert.message),
            mentions=shortened(alert.mentions),
        )
        # Many texts may be too much together although each is short enough.
        most //= 4
    return alert


def _shortened(plain: Any, most: int, language: str) -> Any:
    """The plain data with each text cut to so many bytes, and its lists shortened."""
    # Hardly any alert is that long.
    from airflow_provider_dingpush.messages.fitting import cut

    if isinstance(plain, str):
        return cut(plain, most, language=language) if len(plain) * 3 > most else plain
    if isinstance(plain, Mapping):
        return {key: _shortened(value, most, language) for key, value in list(plain.items())[:_MOST_ITEMS]}
    if isinstance(plain, (list, tuple)):
        return [_shortened(value, most, language) for value in plain[:_MOST_ITEMS]]
    return plain
