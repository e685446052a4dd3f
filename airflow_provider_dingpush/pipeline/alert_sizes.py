"""Alerts are cut before they are written: a template can make megabytes of a few lines, and a disk is small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.pipeline.composing import default_language

MOST_BYTES = 100_000
"""So many bytes one alert has at most when it is written down."""
_TEXT_BYTES = 16_000  # DingTalk takes 20,000 bytes of a message, titles and mentions included
_LEAST_BYTES = 200
_MOST_ITEMS = 200


def bounded(alert: Alert) -> Alert:
    """The alert, with its texts cut to what DingTalk takes; a note stands where something is left out."""
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
        # There may be many texts, each of which would do.
        most //= 4
    return alert


def _shortened(plain: Any, most: int, language: str) -> Any:
    """Plain data whose texts have no more bytes than this each, and whose lists are short."""
    # Nearly no alert is that long.
    from airflow_provider_dingpush.messages.fitting import cut

    if isinstance(plain, str):
        return cut(plain, most, language=language) if len(plain) * 3 > most else plain
    if isinstance(plain, Mapping):
        return {key: _shortened(value, most, language) for key, value in list(plain.items())[:_MOST_ITEMS]}
    if isinstance(plain, (list, tuple)):
        return [_shortened(value, most, language) for value in plain[:_MOST_ITEMS]]
    return plain
