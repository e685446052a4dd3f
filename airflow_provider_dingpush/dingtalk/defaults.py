"""Where DingTalk's APIs are and how long a request may take, if a connection doesn't say otherwise."""

from __future__ import annotations

DEFAULT_BASE_URL = "https://oapi.dingtalk.com"
"""Where webhooks and DingTalk's older API are."""
DEFAULT_API_BASE_URL = "https://api.dingtalk.com"
"""Where DingTalk's newer API (v1.0) is."""
DEFAULT_TIMEOUT_SECONDS = 5.0
"""The most that one request may take in all, in seconds."""
