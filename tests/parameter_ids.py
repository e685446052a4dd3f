"""Names of test cases that are the same in every process, so that several can share the tests."""

from __future__ import annotations

import re


def shown(value: object) -> str:
    """The value as it prints, without the address where it lies, in ASCII."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
