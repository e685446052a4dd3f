"""What Airflow logs and warns while a command runs."""

from __future__ import annotations

import logging
import warnings

import pytest

from airflow_provider_dingpush.cli.airflow_output import without_tracebacks

_log = logging.getLogger("airflow.models.connection")


def fail_and_log() -> None:
    try:
        raise OSError("no such table: connection [at https://user:Secr3t@db/airflow]")
    except OSError:
        _log.exception("Unable to retrieve connection from secrets backend (%s)", "MetastoreBackend")


def test_a_record_has_the_exception_in_its_line_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with without_tracebacks(verbose=False):
        fail_and_log()
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.getMessage().startswith(
        "Unable to retrieve connection from secrets backend (MetastoreBackend) (OSError: "
    )
    assert "no such table" in record.getMessage()
    assert "Secr3t" not in record.getMessage()


@pytest.mark.parametrize("verbose", [True, False], ids=["verbose", "afterwards"])
def test_a_traceback_stays_where_it_is_wanted(caplog: pytest.LogCaptureFixture, verbose: bool) -> None:
    with without_tracebacks(verbose=verbose):
        if verbose:
            fail_and_log()
    if not verbose:
        fail_and_log()
    assert caplog.records[0].exc_info


def test_airflow_does_not_warn_about_its_own_modules() -> None:
    with without_tracebacks(verbose=False):
        warnings.warn_explicit("old", DeprecationWarning, "stats.py", 1, module="airflow.metrics.base_stats_logger")
        with pytest.raises(DeprecationWarning, match="ours"):
            warnings.warn_explicit("ours", DeprecationWarning, "x.py", 1, module="airflow_provider_dingpush.hooks")
