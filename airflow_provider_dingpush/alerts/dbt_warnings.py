"""The warnings of dbt that Cosmos calls an ``on_warning_callback`` for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from airflow_provider_dingpush.alerts.dbt_exception import results_in_value
from airflow_provider_dingpush.alerts.dbt_results import WARN, DbtResult, combined, results_of_warnings

_CALLER, _PACKAGE = "_handle_warnings", "cosmos."
_MOST_FRAMES = 50


def warnings_of(names: Any, messages: Any, redact: Callable[[str], str]) -> tuple[DbtResult, ...]:
    """The warnings in what dbt returned to the operator that is calling, or else those that it names.

    The names have no files; and for a build in a subprocess Cosmos names sources only, and no tests
    (``DbtBuildLocalOperator`` in ``cosmos/operators/local.py`` of 1.15.1, read 2026-11-28).

    :param names: ``test_names`` of the context.
    :param messages: ``test_results`` of the context.
    :param redact: removes secrets from free text.
    """
    returned = (each for each in results_in_value(_returned(), redact) if each.status == WARN)
    return combined(returned) or combined(results_of_warnings(names, messages, redact))


def _returned() -> Any:
    """What dbt returned to the operator of Cosmos that calls us; ``None`` if none does."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MOST_FRAMES):
        if frame is None:
            break
        if frame.f_code.co_name == _CALLER and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
            return frame.f_locals.get("result")
        frame = frame.f_back
    return None
