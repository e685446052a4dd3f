"""The credentials of a custom robot or an enterprise app."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_dingpush.dingtalk.secret import Secret


@dataclass(frozen=True)
class Robot:
    """One custom robot (自定义机器人), as its group's settings page shows it.

    :param access_token: the token of its webhook URL.
    :param secret: the secret (加签), if that security setting is on.
    :param keyword: one of its keywords (自定义关键词), added to messages that lack it.
    """

    access_token: Secret
    secret: Secret | None = None
    keyword: str | None = None


@dataclass(frozen=True)
class App:
    """One enterprise app (企业内部应用), as DingTalk's developer console shows it.

    :param app_key: its AppKey (Client ID).
    :param app_secret: its AppSecret (Client Secret).
    :param robot_code: the robotCode of its robot; by default the AppKey, which is usually right (docs 0699, read
        2026-08-22).
    :param agent_id: its AgentId, which only work notifications need.
    """

    app_key: str
    app_secret: Secret
    robot_code: str = ""
    agent_id: str | None = None

    def __post_init__(self) -> None:
        if not self.robot_code:
            object.__setattr__(self, "robot_code", self.app_key)
