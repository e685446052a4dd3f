"""An enterprise app (企业内部应用), as DingTalk's developer console shows it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_dingpush.dingtalk.secret import Secret

DEFAULT_API_BASE_URL = "https://api.dingtalk.com"
"""Where DingTalk's newer API is; the older one is where webhooks are."""


@dataclass(frozen=True)
class App:
    """One app of one organisation.

    :param app_key: its AppKey (Client ID).
    :param app_secret: its AppSecret (Client Secret).
    :param robot_code: the robotCode of its robot; the AppKey if not given, which it usually is (docs 0699, read
        2026-08-22).
    :param agent_id: its AgentId, which only work notices need.
    """

    app_key: str
    app_secret: Secret
    robot_code: str = ""
    agent_id: str | None = None

    def __post_init__(self) -> None:
        if not self.robot_code:
            object.__setattr__(self, "robot_code", self.app_key)
