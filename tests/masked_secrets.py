"""What Airflow masks in logs, for as long as a test lasts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CORES = ("airflow", "airflow.sdk")
# Of Airflow 2, 3.0, 3.1 and later.
_MODULES = (
    "airflow.utils.log.secrets_masker",
    "airflow.sdk.execution_time.secrets_masker",
    *(f"{core}._shared.secrets_masker{module}" for core in _CORES for module in ("", ".secrets_masker")),
)


@contextmanager
def masked_anew() -> Iterator[None]:
    """What is masked within the block is forgotten after it.

    Airflow 2 masks a password that is a blank, and then every blank. And each secret makes the next one dearer: all of
    a process are one regular expression, which is compiled anew.
    """
    loaded = [vars(sys.modules[name]) for name in _MODULES if name in sys.modules]
    maskers = [module["_secrets_masker"]() for module in loaded if "_secrets_masker" in module]
    kept = [(set(masker.patterns), masker.replacer) for masker in maskers]
    try:
        yield
    finally:
        for masker, (patterns, replacer) in zip(maskers, kept, strict=True):
            masker.patterns, masker.replacer = patterns, replacer
