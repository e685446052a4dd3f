"""The size of a text as it is sent, and of a file at most."""

from __future__ import annotations

import json

FILE_BYTES = 20 * 1024 * 1024
"""The largest file that DingTalk takes (docs 0646, read 2026-08-22)."""


def json_bytes(text: str) -> int:
    """The number of bytes of the text inside a UTF-8 JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
