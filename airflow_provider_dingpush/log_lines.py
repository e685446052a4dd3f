"""How our lines in Airflow's logs begin, for people and programs that look for them."""

from __future__ import annotations

SENT_LOG_LINE = "Sent to DingTalk"
"""A message that DingTalk took; the message itself isn't logged."""

NOTICE_LOG_LINE = "The DingTalk notice"
"""A notice that was not sent, or may not have arrived."""
