"""Times and durations as texts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_dingpush.alerts.words import duration_text, local_time_text, words_in


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (-3, "0 毫秒", "0ms"),
        (0, "0 毫秒", "0ms"),
        (0.0354, "35 毫秒", "35ms"),
        (0.9996, "1.0 秒", "1.0s"),
        (3.44, "3.4 秒", "3.4s"),
        (9.949, "9.9 秒", "9.9s"),
        (9.96, "10 秒", "10s"),
        (59.4, "59 秒", "59s"),
        (59.6, "1 分", "1m"),
        (192, "3 分 12 秒", "3m 12s"),
        (3600, "1 小时", "1h"),
        (3605, "1 小时", "1h"),
        (7500, "2 小时 5 分", "2h 5m"),
        (97_200, "1 天 3 小时", "1d 3h"),
        (40 * 86_400, "40 天", "40d"),
    ],
)
def test_duration(seconds: float, zh: str, en: str) -> None:
    """Two units at most, and a fraction only where it matters."""
    assert duration_text(seconds, words_in("zh")) == zh
    assert duration_text(seconds, words_in("en")) == en


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (timedelta(hours=8), "2026-11-22 03:04:05 +08:00"),
        (timedelta(hours=-3, minutes=-30), "2026-11-22 03:04:05 -03:30"),
        (timedelta(0), "2026-11-22 03:04:05 +00:00"),
    ],
)
def test_local_time(offset: timedelta, expected: str) -> None:
    """A reader in another zone sees which one is meant."""
    assert local_time_text(datetime(2026, 11, 22, 3, 4, 5, 678, tzinfo=timezone(offset))) == expected
