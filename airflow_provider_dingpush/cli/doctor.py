"""``dingpush doctor``: check a connection step by step, without sending anything, and explain how to fix it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages.input_text import invisible_character
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.redaction import described

_FLUSH_SECONDS = 300.0
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "yellow")}

_TEXTS: Texts = {
    "all_fine": (
        "Everything that can be checked works. (Keywords can't be checked without sending a message.)",
        "能检查的都正常。（关键词无法在不发消息的情况下检查）",
    ),
    "to_fix": ("{problems} to fix, see above.", "有 {problems}需要处理，见上文。"),
    "connection": ("connection {conn_id}", "连接 {conn_id}"),
    "is_app": ("enterprise app, AppKey {app_key}, {url}", "企业应用，AppKey {app_key}，{url}"),
    "is_robot": ("custom robot at {url}", "自定义机器人，{url}"),
    "webhook": ("webhook: token, signature, IP address", "Webhook：token、加签、出口 IP"),
    "accepted": (
        "DingTalk accepts the token, the signature and this machine's IP address; nothing was posted.",
        "钉钉认可 token、加签和本机 IP，没有发送消息。",
    ),
    "signature": ("signature", "加签"),
    "no_secret": (
        "The connection has no 'secret'; right if the robot does not require one.",
        "未填写 secret；机器人未启用加签时无需填写。",
    ),
    "signed": ("Each message is signed.", "每条消息都会加签。"),
    "keyword": ("keyword", "关键词"),
    "no_keyword": (
        (
            "The connection has no 'keyword'; right if the robot requires none. If it does, enter one: that can't be "
            "checked without sending a message."
        ),
        "未填写；机器人未设置关键词时无需填写。设置了的话请填写一个：不发消息就无法检查。",
    ),
    "invisible": (
        "{keyword!r} contains {character}, which is invisible; delete the keyword and type it again.",
        "{keyword!r} 中有不可见字符 {character}，请删除后重新输入。",
    ),
    "keyword_added": (
        "{keyword!r} is added to messages without it. Whether the robot has it is known after the first message.",
        "消息中没有 {keyword!r} 时会自动补上；机器人是否设置了它，发出第一条消息时才知道。",
    ),
    "mentions": ("mentions", "@ 谁"),
    "read_as": ("Read as {people}. Check numbers and user ids.", "识别为 {people}。请核对手机号与 userId。"),
    "mobile": ("mobile {number}", "手机号 {number}"),
    "user_id": ("user id {user_id}", "员工 userId {user_id}"),
    "everyone": ("everyone", "所有人"),
    "no_one": ("no one", "无人"),
    "flush": ("flush DAG or cron", "补发"),
    "no_flush": (
        (
            "Did not run in the last five minutes: alerts that a callback can't send stay pending until the next one, "
            "and a long series of failures causes more messages. Put `flush_dag = create_flush_dag()` of "
            "airflow_provider_dingpush.operators into a DAG file, or `dingpush flush` into cron."
        ),
        (
            "最近五分钟内未运行：回调没能发出的告警要等到下一次回调，陆续出现的失败也会产生更多消息。请在任一 DAG "
            "文件中加入 airflow_provider_dingpush.operators 的 `flush_dag = create_flush_dag()`，"
            "或用 cron 调用 `dingpush flush`。"
        ),
    ),
}


@dataclass(frozen=True)
class _Check:
    """The result of one check.

    :param name: of the check.
    :param ok: whether it passed; ``None`` if that is unknown.
    :param result: what was found and what to do about it.
    """

    name: str
    ok: bool | None
    result: str


def run(parsed: argparse.Namespace) -> int:
    """Run the checks one by one, print each result at once, and return 0 if there is no problem, else 1."""
    screen = Screen(parsed.language, _TEXTS)
    wrong = 0
    for check in _Doctor(screen).checks(parsed.conn_id):
        screen.marked(*_MARKS[check.ok], f"{check.name}\n    {check.result}")
        wrong += check.ok is False
    print()
    if wrong:
        screen.line("to_fix", problems=screen.count(wrong, "problem"))
    else:
        screen.line("all_fine")
    return 1 if wrong else 0


@dataclass(frozen=True)
class _Doctor:
    """Checks a connection without sending messages.

    :param screen: for the texts.
    """

    screen: Screen

    def checks(self, conn_id: str) -> Iterator[_Check]:
        """All checks of a connection, and of the outbox."""
        name = self.screen.text("connection", conn_id=conn_id)
        try:
            hook = hook_of(conn_id)
        except Exception as error:  # noqa: BLE001 - any error is printed
            yield _Check(name, False, described(error))
            return
        try:
            yield from self._app(hook, name) if isinstance(hook, DingTalkAppHook) else self._robot(hook, name)
        except Exception as error:  # noqa: BLE001 - any error is printed
            yield _Check(name, False, described(error))
        yield from self._outbox()

    def _check(self, name: str, ok: bool | None, result: str, **values: object) -> _Check:
        return _Check(self.screen.text(name), ok, self.screen.text(result, **values))

    def _app(self, hook: DingTalkAppHook, name: str) -> Iterator[_Check]:
        settings = hook.settings
        yield _Check(name, True, self.screen.text("is_app", app_key=settings.app.app_key, url=settings.api_base_url))
        for finding in hook.findings():
            what, result = finding.words(self.screen.language)
            yield _Check(what, finding.ok, result)

    def _robot(self, hook: DingTalkRobotHook, name: str) -> Iterator[_Check]:
        robot = hook.settings.robot
        yield _Check(name, True, self.screen.text("is_robot", url=hook.settings.base_url))
        works, problem = hook.test_connection()
        yield _Check(self.screen.text("webhook"), works, self.screen.text("accepted") if works else problem)
        if robot.secret is None:
            yield self._check("signature", None, "no_secret")
        else:
            yield self._check("signature", works, "signed")
        yield self._keyword(robot.keyword)
        yield from self._mentions(hook)

    def _keyword(self, keyword: str | None) -> _Check:
        if not keyword:
            return self._check("keyword", None, "no_keyword")
        # A joiner is part of many emoji.
        character = invisible_character(keyword.replace("\u200d", ""))
        if character:
            return self._check("keyword", False, "invisible", keyword=keyword, character=character)
        return self._check("keyword", None, "keyword_added", keyword=keyword)

    def _mentions(self, hook: DingTalkRobotHook) -> Iterator[_Check]:
        """How each value of ``mentions`` is read; a robot has no access to DingTalk's contacts."""
        settings = hook.settings
        if settings.mentions:
            people = "; ".join(f"{owner}: {self._people(at)}" for owner, at in settings.mentions.items())
            yield self._check("mentions", None, "read_as", people=people)
        for problem in settings.mention_problems:
            yield _Check(self.screen.text("mentions"), False, problem)

    def _people(self, at: At) -> str:
        """The people as a text, with mobile numbers partly masked."""
        text = self.screen.text
        people = [text("mobile", number=f"{number[:-8]}****{number[-4:]}") for number in at.mobiles]
        people += [text("user_id", user_id=each) for each in at.user_ids]
        people += [text("everyone")] if at.everyone else []
        return ", ".join(people) or text("no_one")

    def _outbox(self) -> Iterator[_Check]:
        """Risks of the outbox that may lose or delay alerts."""
        with suppress(Exception):  # whether it answers is checked below
            for problem in outbox().store.risks():
                yield _Check("outbox_url", None, problem)
        try:
            box = outbox()
            flushed_at = box.last_flush()
            is_used = bool(box.receivers() or box.pending_mailboxes())
        except Exception as error:  # noqa: BLE001 - any error is printed
            yield _Check(self.screen.text("flush"), False, described(error))
            return
        if is_used and (flushed_at is None or abs(time.time() - flushed_at) >= _FLUSH_SECONDS):
            yield self._check("flush", None, "no_flush")
