"""Whatever stands in the duty table, the file is read or its mistakes are named."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.rules.duty_reading import LAYER_KEYS, OVERRIDE_KEYS, PERSON_KEYS, ROTATION_KEYS
from airflow_provider_dingpush.rules.reading import read_rules

NOW = datetime(2026, 11, 28, 2, 30, tzinfo=timezone.utc)
_WORDS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "on_call",
            "r",
            "",
            " ",
            "09:00",
            "24:00",
            "2026-11-30",
            "2026-11-31",
            "2026-12-01..2026-12-03",
            "week",
        ),
        *(
            "2 days",
            "0 weeks",
            "month",
            "holiday",
            "workdays",
            "monday:friday",
            "2026-12-01 09:00",
            "2026-12-02T09:00Z",
        ),
        *("13800000001", "a@b.cn", "Asia/Shanghai", "America/New_York", "9999-12-31", "0001-01-01", "0001-01-01 00:00"),
    ]
)
_SCALARS = _WORDS | st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats(allow_nan=False)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(_WORDS, _SCALARS, max_size=2)


def mappings(keys: tuple[str, ...], **likely: Any) -> Any:
    """Mappings with these keys, many of them as they should be."""
    usual = {key: likely.get(key, _WORDS) for key in keys}
    return st.fixed_dictionaries({}, optional={key: usual[key] | _VALUES for key in keys})


_TIMES = st.lists(
    st.fixed_dictionaries({"start_time": st.just("09:00") | _WORDS, "end_time": st.just("18:00") | _WORDS}), max_size=2
)
_LAYER: dict[str, Any] = {
    "people": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
    "every": st.sampled_from(["day", "week", "3 months", "workday", "2 holidays"]),
    "start": st.sampled_from(["2026-11-30", "0001-01-01", "9999-12-31"]),
    "times": _TIMES,
}
_PEOPLE = st.just([{"name": "a", "user_id": "a"}, {"name": "b", "mobile": "13800000001"}]) | st.lists(
    mappings(PERSON_KEYS) | _VALUES, max_size=3
)
_ROTATIONS = st.just([{"name": "r", "people": "a", "time_zone": "Asia/Shanghai"}]) | st.lists(
    mappings(ROTATION_KEYS, **_LAYER, name=st.just("r"), layers=st.lists(mappings(LAYER_KEYS, **_LAYER), max_size=2))
    | _VALUES,
    max_size=2,
)
_MOMENTS = st.sampled_from(["2026-11-29 09:00", "2026-12-02T09:00Z", "0001-01-01 00:00", "9999-12-31 23:59"])
_DAYS = st.sampled_from(["2026-11-29", "2026-12-01..2026-12-03", "0001-01-01", "9999-12-30..9999-12-31"])
_OVERRIDE = (
    mappings(OVERRIDE_KEYS, rotation=st.just("r"), person=st.just("a"))
    | st.fixed_dictionaries({"person": st.just("a"), "from": _MOMENTS, "until": _MOMENTS})
    | st.fixed_dictionaries({"person": st.just("a"), "days": _DAYS})
)
_OVERRIDES = st.lists(_OVERRIDE | _VALUES, max_size=2)
_RULES = st.lists(mappings(("receiver", "to", "at"), to=_VALUES, at=_VALUES), max_size=2)


@settings(max_examples=300, deadline=None)
@given(_PEOPLE, _ROTATIONS | _VALUES, _OVERRIDES | _VALUES, _RULES)
def test_a_table_is_read_or_its_mistakes_are_named(people: Any, rotations: Any, overrides: Any, rules: Any) -> None:
    plain = {"people": people, "rotations": rotations, "overrides": overrides, "rules": rules}
    try:
        read = read_rules(
            json.dumps(plain, ensure_ascii=False),  # JSON is YAML as well
            "rules.yaml",
            zone=timezone.utc,
            read_file=str,
            group_labels=("dag_id",),
        )
    except RulesFileError as mistake:
        for language in ("en", "zh"):
            problems = mistake.problems_in(language)
            assert problems
            assert all(each.startswith("rules.yaml:1:") for each in problems)
        return
    for rotation in read.duty.rotations:
        shifts = list(rotation.shifts(NOW, NOW + timedelta(days=3)))
        assert shifts[0].person == rotation.on_call(NOW)
        rotation.next_shift(NOW)
