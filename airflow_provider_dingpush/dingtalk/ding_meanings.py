"""The meanings of DingTalk's refusals that only DINGs and to-dos (待办) have.

Codes and texts from DingTalk's documentation (docs 0712, 0713, 0793 to 0795, read 2026-11-28) and, for the spelling of
a to-do that exists already, as observed in public reports.
"""

from __future__ import annotations

from airflow_provider_dingpush.dingtalk.answers import Meaning
from airflow_provider_dingpush.errors import (
    CreditExhaustedError,
    DingTalkError,
    EditionError,
    TargetError,
)

NO_CREDIT = Meaning(
    CreditExhaustedError,
    "The organisation has no credit left for this kind of DING.",
    "Ask the DingTalk administrator to buy a package in the admin console (增值服务 > 产品专区); a DING in the app "
    "needs none. 请联系钉钉管理员在管理后台“增值服务 > 产品专区”购买权益包；应用内 DING 无需购买。",
    problem_zh="企业的 DING 权益不足（短信 DING、电话 DING 需要购买）。",
)
EDITION = Meaning(
    EditionError,
    "The organisation's edition of DingTalk doesn't include this API.",
    "Ask the DingTalk administrator which edition (版本) includes it, or use a way that every edition has: a message "
    "to the person, or a to-do. 请联系钉钉管理员确认支持该接口的版本，或改用单聊消息、待办。",
    problem_zh="企业当前的钉钉版本不支持该接口。",
)
DING_FAILED = Meaning(
    DingTalkError,
    "DingTalk could not send the DING.",
    "DingTalk's text names the reason. 请按钉钉的提示处理。",
    problem_zh="钉钉发送 DING 失败。",
)
NOT_RECALLED = Meaning(
    DingTalkError,
    "DingTalk could not recall the DING.",
    "It works only through the robot that sent it. 只能由发送它的机器人撤回。",
    problem_zh="钉钉撤回 DING 失败。",
)
TODO_EXISTS = Meaning(
    DingTalkError,
    "There is a to-do with this sourceId already.",
    "Use another source_id for another to-do. 新的待办请使用另一个 source_id。",
    problem_zh="已有相同 sourceId 的待办。",
)
TODO_GONE = Meaning(
    TargetError,
    "DingTalk doesn't know this to-do: it was deleted, or another app has created it.",
    "Create it again through this app. 请用该应用重新创建待办。",
    problem_zh="钉钉找不到这个待办：已被删除，或由其他应用创建。",
)
