"""What Airflow prints beside the answer of a command: log records without tracebacks, no warnings about itself."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_tracebacks(*, verbose: bool) -> Iterator[None]:
    """Within the block, a log record has the exception in its line, and Airflow doesn't warn about its own modules.

    Airflow 2 logs the whole traceback of a secrets backend that fails, and then asks the next one.

    :param verbose: leave everything as it is.
    """
    if verbose:
        yield
        return
    make = logging.getLogRecordFactory()

    def shortened(*arguments: Any, **more: Any) -> logging.LogRecord:
        record = make(*arguments, **more)
        problem = record.exc_info[1] if record.exc_info else None
        if problem is not None:
            from airflow_provider_dingpush.cli.problems import in_one_line

            record.msg, record.args = f"{record.getMessage()} ({in_one_line(problem, 'en')})", ()
            record.exc_info = record.exc_text = None
        return record

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"airflow\.")
        # Airflow 2 shows its own deprecation warnings unless Python was started with an option about warnings.
        sys.warnoptions.append("ignore::DeprecationWarning")
        logging.setLogRecordFactory(shortened)
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)
            sys.warnoptions.remove("ignore::DeprecationWarning")
