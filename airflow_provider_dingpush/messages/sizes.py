"""How large a text is on the wire."""

from __future__ import annotations

import json


def json_bytes(text: str) -> int:
    """How many bytes the text takes inside a UTF-8 JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
