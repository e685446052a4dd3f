"""``dingpush doctor``: what of a connection works, step by step, and what to do about the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from airflow_provider_dingpush.airflow_compat import search_all_secrets
from airflow_provider_dingpush.dingtalk.app_probes import Finding
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages.input_text import invisible_character
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.pipeline.redaction import described

_SUMMARY = {
    "zh": ("全部正常。", "有 {count} 项需要处理，见上文。"),
    "en": ("Everything that could be tested works.", "{count} to mend, see above."),
}
_FLUSHER_SEEN_SECONDS = 300.0
_MARKS = {True: "✓", False: "✗", None: "–"}


def run_doctor(dingtalk_conn_id: str, *, language: str) -> int:
    """Look at one thing after the other, print each at once, and return 0 if nothing is wrong, else 1."""
    wrong = 0
    for finding in examined(dingtalk_conn_id):
        print(f"{_MARKS[finding.ok]} {finding.what}\n    {finding.said}", flush=True)
        wrong += finding.ok is False
    fine, broken = _SUMMARY[language]
    print(f"\n{broken.format(count=wrong) if wrong else fine}")
    return 1 if wrong else 0


def examined(dingtalk_conn_id: str) -> Iterator[Finding]:
    """What was found; nothing is sent to anybody."""
    what = f"connection 连接 {dingtalk_conn_id}"
    search_all_secrets()
    try:
        hook = hook_of(dingtalk_conn_id)
    except Exception as error:  # noqa: BLE001 - what is found is said, whatever it is
        yield Finding(what, False, described(error))
        return
    try:
        yield from _findings_of(hook, what)
    except Exception as error:  # noqa: BLE001 - what is found is said, whatever it is
        yield Finding(what, False, described(error))
    yield from _outbox()
    yield from _flusher()


def _findings_of(hook: DingTalkRobotHook | DingTalkAppHook, what: str) -> Iterator[Finding]:
    if isinstance(hook, DingTalkAppHook):
        app = hook.settings.app
        yield Finding(what, True, f"an enterprise app (企业应用), AppKey {app.app_key}, {hook.settings.api_base_url}.")
        yield from hook.findings()
        return
    yield Finding(what, True, f"a custom robot (自定义机器人) at {hook.settings.base_url}.")
    yield from _robot_findings(hook)


def _outbox() -> Iterator[Finding]:
    """What of the Redis that alerts wait in may cost some of them. Whether it answers, :func:`_flusher` says."""
    from airflow_provider_dingpush.pipeline.outboxes import outbox

    with suppress(Exception):
        for said in outbox().store.risks():
            yield Finding("outbox_url", None, said)


def _flusher() -> Iterator[Finding]:
    """Asks for a flusher where alerts were written and none has been seen that sends what callbacks can't."""
    from airflow_provider_dingpush.pipeline.outboxes import outbox

    what = "flusher 定时发送"
    try:
        box = outbox()
        seen = box.last_flush()
        is_used = bool(box.receivers() or box.pending_mailboxes())
    except Exception as error:  # noqa: BLE001 - what is found is said, whatever it is
        yield Finding(what, False, described(error))
        return
    if not is_used or (seen is not None and abs(time.time() - seen) < _FLUSHER_SEEN_SECONDS):
        return
    yield Finding(
        what,
        None,
        "none ran within the last five minutes: what a callback can't send waits for the next one, and failures that "
        "come one by one for long make more messages. Put `flush_dag = create_flush_dag()` of "
        "airflow_provider_dingpush.operators into a DAG file, or `dingpush flush` into cron. "
        "五分钟内未运行：请在任一 DAG 文件中加入 create_flush_dag()，或用 cron 调用 dingpush flush。",
    )


def _robot_findings(hook: DingTalkRobotHook) -> Iterator[Finding]:
    works, said = hook.test_connection()
    yield Finding("webhook: token, signature, IP 地址、加签、IP", works, said)
    robot = hook.settings.robot
    yield Finding(
        "signature 加签",
        None if robot.secret is None else works,
        "no 'secret' in the connection; right if the robot does not demand one. "
        "未填写 secret；机器人未启用加签时无需填写。"
        if robot.secret is None
        else "sent with each message. 每条消息都会加签。",
    )
    yield _keyword_finding(robot.keyword)
    yield from _mention_findings(hook)


def _keyword_finding(keyword: str | None) -> Finding:
    what = "keyword 关键词"
    if not keyword:
        return Finding(
            what, None, "none in the connection; right if the robot has none. 未填写；机器人未设置关键词时无需填写。"
        )
    # A joiner is part of many an emoji.
    unseen = invisible_character(keyword.replace("\u200d", ""))
    if unseen:
        return Finding(
            what,
            False,
            f"{keyword!r} holds {unseen}, which nobody sees; delete the keyword and type it again. "
            "关键词中有不可见字符，请删除后重新输入。",
        )
    return Finding(
        what,
        None,
        f"{keyword!r} is added to messages that lack it; whether the robot knows it shows with the first one. "
        "消息中没有该关键词时会自动补上。",
    )


def _mention_findings(hook: DingTalkRobotHook) -> Iterator[Finding]:
    """How each value of ``mentions`` is read; DingTalk itself can't be asked about people by a robot."""
    what, settings = "mentions 负责人", hook.settings
    if settings.mentions:
        read = "; ".join(f"{owner}: {_shown(at)}" for owner, at in settings.mentions.items())
        yield Finding(what, None, f"read as {read}. 请核对手机号与 userId 是否识别正确。")
    for problem in settings.mention_problems:
        yield Finding(what, False, problem)


def _shown(at: At) -> str:
    """Who that is; of a mobile number so much that its owner can be told, but not called."""
    people = [f"mobile {number[:-8]}****{number[-4:]}" for number in at.mobiles]
    people += [f"user id {user}" for user in at.user_ids]
    return ", ".join([*people, *(["everyone"] if at.everyone else [])]) or "nobody"
