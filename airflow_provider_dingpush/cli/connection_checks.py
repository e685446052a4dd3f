"""Checks of one connection, without sending anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from airflow_provider_dingpush.cli.doctor_words import CHECKS, PEOPLE, Words
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found, found_problem, run_checks
from airflow_provider_dingpush.connections import look_up, unknown_extras
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.messages.input_text import invisible_character
from airflow_provider_dingpush.messages.mentions import At

_SEVERITIES = {True: Severity.OK, False: Severity.ERROR, None: Severity.SKIPPED}


@dataclass(frozen=True)
class RobotSubject:
    """A custom robot.

    :param hook: of its connection.
    """

    hook: DingTalkRobotHook

    @cached_property
    def problem(self) -> DingTalkError | None:
        """Why DingTalk doesn't accept token, signature or address; ``None`` if it does."""
        return self.hook.connection_problem()


def findings_of(conn_id: str, set_in: str | None) -> Iterator[Finding]:
    """What the checks of a connection find, the most basic first.

    :param set_in: the environment variable that has the connection.
    """
    try:
        hook = hook_of(conn_id)
    except Exception as error:  # noqa: BLE001 - any error is a finding
        yield found_problem("connection", Severity.ERROR, "connection_unusable", error, set_in=set_in)
        return
    if isinstance(hook, DingTalkAppHook):
        app, url = hook.settings.app.app_key, hook.settings.api_base_url
        yield found("connection", Severity.OK, "is_app", set_in=set_in, app_key=app, url=url)
        yield from run_checks(APP_CHECKS, hook)
    else:
        yield found("connection", Severity.OK, "is_robot", set_in=set_in, url=hook.settings.base_url)
        yield from run_checks(ROBOT_CHECKS, RobotSubject(hook))


def _extra(conn_id: str) -> Iterator[Finding]:
    unknown, known = look_up(conn_id, unknown_extras)
    for name in unknown:
        guess = next(iter(get_close_matches(name, known, 1)), None)
        if guess:
            yield found("extra", Severity.WARNING, "extra_misspelt", name=name, guess=guess)
        else:
            yield found("extra", Severity.WARNING, "extra_unknown", unknown=name, known=", ".join(known))


def _fallbacks(conn_ids: Iterable[str]) -> Iterator[Finding]:
    for conn_id in conn_ids:
        try:
            hook_of(conn_id)
        except Exception as error:  # noqa: BLE001 - any error is a finding
            yield found_problem("fallbacks", Severity.ERROR, "fallback_unusable", error)
        else:
            yield found("fallbacks", Severity.OK, "fallback_ok", conn_id=conn_id)


def _webhook(robot: RobotSubject) -> Iterator[Finding]:
    problem = robot.problem
    if problem is None:
        yield found("webhook", Severity.OK, "webhook_ok")
    else:
        yield found_problem("webhook", Severity.ERROR, "webhook_refused", problem)


def _signature(robot: RobotSubject) -> Iterator[Finding]:
    if robot.hook.settings.robot.secret is None:
        yield found("signature", Severity.SKIPPED, "no_secret")
    else:
        yield found("signature", _SEVERITIES[robot.problem is None], "signed")


def _keyword(robot: RobotSubject) -> Iterator[Finding]:
    keyword = robot.hook.settings.robot.keyword
    if not keyword:
        yield found("keyword", Severity.SKIPPED, "no_keyword")
        return
    # A joiner is part of many emoji.
    character = invisible_character(keyword.replace("\u200d", ""))
    if character:
        yield found("keyword", Severity.ERROR, "keyword_invisible", keyword=keyword, character=character)
    else:
        yield found("keyword", Severity.SKIPPED, "keyword_added", keyword=keyword)


def _mentions(robot: RobotSubject) -> Iterator[Finding]:
    """How each value of ``mentions`` is read; a robot has no access to DingTalk's contacts."""
    settings = robot.hook.settings
    if settings.mentions:
        english, chinese = (
            _word("read_as", index, people="; ".join(f"{owner}: {people_in_words(at, index)}" for owner, at in people))
            for index, people in enumerate(2 * (list(settings.mentions.items()),))
        )
        yield Finding("mentions", Severity.SKIPPED, "mentions_read", CHECKS["mentions"], (english, chinese))
    for problem in settings.mention_problems:
        yield found_problem("mentions", Severity.ERROR, "mention_unreadable", problem)


def people_in_words(at: At, index: int) -> str:
    """The people as a text, with mobile numbers partly masked.

    :param index: of the language.
    """
    people = [_word("mobile", index, number=masked_number(number)) for number in at.mobiles]
    people += [_word("user_id", index, user_id=each) for each in at.user_ids]
    people += [_word("everyone", index)] if at.everyone else []
    return ", ".join(people) or _word("no_one", index)


def masked_number(number: str) -> str:
    """A mobile number that only those who know it recognise."""
    return f"{number[:-8]}****{number[-4:]}"


def _word(name: str, index: int, **values: object) -> str:
    return PEOPLE[name][index].format(**values)


def _app(hook: DingTalkAppHook) -> Iterator[Finding]:
    for each in hook.findings():
        text: Words = each.words("en")[1], each.words("zh")[1]
        severity = _SEVERITIES[each.ok]
        yield Finding(each.name, severity, f"{each.name}_{severity.value}", each.what, text)


ROBOT_CHECKS: tuple[Check[RobotSubject], ...] = (
    Check("extra", lambda robot: _extra(robot.hook.dingtalk_conn_id)),
    Check("webhook", _webhook),
    Check("signature", _signature),
    Check("keyword", _keyword),
    Check("mentions", _mentions),
    Check("fallbacks", lambda robot: _fallbacks(robot.hook.settings.fallback_conn_ids)),
)
APP_CHECKS: tuple[Check[DingTalkAppHook], ...] = (
    Check("extra", lambda hook: _extra(hook.dingtalk_conn_id)),
    Check("connection", _app),
    Check("fallbacks", lambda hook: _fallbacks(hook.settings.fallback_conn_ids)),
)
