"""The beginnings of this package's lines in Airflow's logs, for people and programs that search for them."""

from __future__ import annotations

SENT_LOG_LINE = "Sent to DingTalk"
"""A message that DingTalk accepted; the message itself isn't logged."""

NOTIFICATION_LOG_LINE = "The DingTalk notification"
"""A notification that was not sent, waits to be sent, or may not have arrived."""
