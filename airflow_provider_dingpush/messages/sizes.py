"""The size of a text as it is sent."""

from __future__ import annotations

import json


def json_bytes(text: str) -> int:
    """The number of bytes of the text inside a UTF-8 JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
