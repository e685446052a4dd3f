"""Reading the rules file. It says of every mistake where it is and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from difflib import get_close_matches
from typing import Any, TypeVar

from airflow_provider_dingpush.errors import InvalidMessageError, RulesFileError
from airflow_provider_dingpush.events import KNOWN_EVENTS, Urgency
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.rules.baseline_reading import read_baselines
from airflow_provider_dingpush.rules.baselines import Baseline
from airflow_provider_dingpush.rules.duty_reading import DUTY_KEYS, OnCallReader, read_duty_table
from airflow_provider_dingpush.rules.duty_table import DutyTable, OnCall
from airflow_provider_dingpush.rules.escalation_reading import ESCALATION_KEYS, LIMIT_KEYS, EscalationReader
from airflow_provider_dingpush.rules.escalations import CallLimits
from airflow_provider_dingpush.rules.interval_reading import read_calendar, read_intervals
from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match, Patterns
from airflow_provider_dingpush.rules.mistakes import WrongValueError
from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet
from airflow_provider_dingpush.rules.time_intervals import NamedInterval
from airflow_provider_dingpush.rules.workdays import Calendar
from airflow_provider_dingpush.rules.yaml_nodes import Document, Node, Problem, is_null, line_of, one_of
from airflow_provider_dingpush.targets import Target, read_target

FILE_KEYS = ("calendar", "time_intervals", *DUTY_KEYS, *LIMIT_KEYS, "baselines", "rules")
RULE_KEYS = (
    *("name", "match", "receiver", "to", "at", "language", "severity", "group_by", "repeat_interval"),
    *("mute_time_intervals", "active_time_intervals", "continue"),
    *ESCALATION_KEYS,
)
_GLOB = re.compile(r"[*?\[]")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (86_400, 3_600, 60, 1)
Result = TypeVar("Result")


def read_rules(
    text: str,
    file: str,
    *,
    zone: tzinfo,
    read_file: Callable[[str], str],
    group_labels: tuple[str, ...],
    is_secret: Callable[[str], bool] = lambda _: False,
) -> RuleSet:
    """The rules of a file.

    :param text: its content.
    :param file: its name, for problems.
    :param zone: of time intervals without a ``location``.
    :param read_file: returns the text of the calendar file, which is named relative to this one.
    :param group_labels: what ``group_by`` may name.
    :param is_secret: recognises what belongs into a connection. It is a mistake, and no text shows it.
    :raises RulesFileError: with every mistake in it.
    """
    document = Document(file, is_secret)
    problems: list[Problem] = []
    root = document.parse(text)
    rules: tuple[Rule, ...] = ()
    intervals: dict[str, NamedInterval] = {}
    duty, limits = DutyTable(), CallLimits()
    baselines: tuple[Baseline, ...] = ()
    if root is not None and not is_null(root):
        found = document.mapping(root, "A rules file", FILE_KEYS)
        calendar = Calendar()
        if "calendar" in found:
            calendar = _calendar(document, found["calendar"], read_file, problems)
        if "time_intervals" in found:
            intervals = read_intervals(document, found["time_intervals"], calendar, zone)
        duty = read_duty_table(document, found, calendar, zone)
        escalations = EscalationReader(document, duty, read_duration)
        limits = escalations.limits(found)
        on_call = OnCallReader(document, (each.name for each in duty.rotations))
        reader = _RuleReader(document, intervals, on_call, escalations, group_labels)
        if "baselines" in found:
            baselines = read_baselines(
                *(document, found["baselines"], calendar, zone),
                read_duration=read_duration,
                recipient_of=reader.values,
            )
        if "rules" in found:
            items = document.items(found["rules"], "rules")
            rules = tuple(reader.rule(item, number) for number, item in enumerate(items, 1))
    problems += sorted(document.problems, key=lambda each: (each.line, each.column))
    if problems:
        raise _error_of(problems)
    return RuleSet(rules, tuple(intervals.values()), duty, limits, baselines)


def _error_of(problems: Sequence[Problem]) -> RulesFileError:
    english, chinese = (tuple(each.in_language(language) for each in problems) for language in ("en", "zh"))
    others = len(problems) - 1
    error = RulesFileError(
        f"The rules file has mistakes: {english[0]}{f' ({others} more)' if others else ''}",
        "'dingpush rules check' lists all of them. 执行 dingpush rules check 可列出全部错误。",
        problem_zh=f"规则文件有错误：{chinese[0].removesuffix('。')}{f'（另有 {others} 处）' if others else ''}",
    )
    error.problems, error.problems_zh = english, chinese
    return error


def _calendar(document: Document, node: Node, read_file: Callable[[str], str], problems: list[Problem]) -> Calendar:
    name = document.text(node, "calendar")
    if not name:
        return Calendar()
    try:
        text = read_file(name)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None)
        document.note(node, "calendar_unreadable" if why else "calendar_not_text", name=name, why=why)
        return Calendar()
    other = Document(name, document.is_secret)
    root = other.parse(text)
    calendar = Calendar() if root is None or is_null(root) else read_calendar(other, root)
    problems += sorted(other.problems, key=lambda each: (each.line, each.column))
    return calendar


def _has_misspelled_receiver(node: Node) -> bool:
    """Whether a key is noted as a misspelled ``receiver``, so that it isn't missing as well."""
    keys = [key.value for key, _ in node.value if key.id == "scalar"]
    return any(get_close_matches(key, RULE_KEYS, 1) == ["receiver"] for key in keys)


class _RuleReader:
    """Reads the rules of one file.

    :param intervals: the named time intervals, by name.
    :param on_call: reads where a rule names who is on call.
    :param escalations: reads the steps of a rule.
    :param group_labels: what ``group_by`` may name.
    """

    def __init__(
        self,
        document: Document,
        intervals: Mapping[str, NamedInterval],
        on_call: OnCallReader,
        escalations: EscalationReader,
        group_labels: tuple[str, ...],
    ) -> None:
        self._document = document
        self._intervals = intervals
        self._on_call = on_call
        self._escalations = escalations
        self._group_labels = group_labels

    def rule(self, node: Node, number: int) -> Rule:
        """One rule; wrong values are left out, and noted."""
        document = self._document
        found = document.mapping(node, "A rule", RULE_KEYS)
        values: dict[str, Any] = {"name": f"rule {number}", "line": line_of(node), **self.values(found)}
        values["escalation"] = self._escalations.escalation(found)
        if found and "receiver" not in found and not _has_misspelled_receiver(node):
            document.note(node, "no_receiver")
        return Rule(**values)

    def values(self, found: Mapping[str, Node]) -> dict[str, Any]:
        """The values of a rule, or of what has some of its keys.

        :param found: the nodes by key.
        """
        values: dict[str, Any] = {}
        for key, value in found.items():
            if key in ESCALATION_KEYS:
                continue
            name, read = _READERS[key]
            if key == "receiver" and is_null(value):
                continue
            values[name] = read(self, value)
            if key == "at":
                values["on_call"] = self._on_call.mentioned(value)
        return values

    def name(self, node: Node) -> str:
        return self._document.text(node, "name")

    def match(self, node: Node) -> Match:
        found = self._document.mapping(node, "match", Labels._fields)
        return Match(tuple((name, Patterns(self._patterns(name, value))) for name, value in found.items()))

    def _patterns(self, label: str, node: Node) -> tuple[str, ...]:
        known = _KNOWN_VALUES.get(label)
        patterns = []
        for each in self._document.one_or_more(node):
            pattern = self._document.text(each, label)
            plain = pattern.removeprefix("!")
            if known is not None and plain and not _GLOB.search(plain) and plain not in known:
                self._refuse_value(each, label, plain, known)
            patterns.append(pattern)
        return tuple(patterns)

    def _refuse_value(self, node: Node, label: str, value: str, known: Sequence[str]) -> None:
        close, names = get_close_matches(value, known, 1), ", ".join(known)
        if close:
            self._document.note(node, "value_misspelled", what=label, names=names, text=value, close=close[0])
        else:
            rule = WrongValueError("one_of", names=names)
            self._document.note(node, "refused", what=label, rule=rule, rule_zh=rule.chinese, text=value)

    def receiver(self, node: Node) -> str:
        return self._document.text(node, "receiver")

    def to(self, node: Node) -> Target | OnCall | None:
        if self._on_call.named_in(node):
            return self._on_call.target(node)
        return self._checked(node, self._document.plain(node), read_target)

    def at(self, node: Node) -> At | None:
        others = self._on_call.others(node) if self._on_call.named_in(node) else self._document.plain(node)
        return self._checked(node, others, At.read)

    def _checked(self, node: Node, plain: Any, read: Callable[[Any], Result]) -> Result | None:
        try:
            return read(plain)
        except (InvalidMessageError, TypeError) as problem:
            english, chinese = (
                problem.in_language(each) if isinstance(problem, InvalidMessageError) else str(problem)
                for each in ("en", "zh")
            )
            self._document.note(node, "refused_elsewhere", problem=english, problem_zh=chinese)
            return None

    def language(self, node: Node) -> str | None:
        languages: Mapping[str, str | None] = {"zh": "zh", "en": "en"}
        return self._document.value(node, "language", one_of(languages), None)

    def severity(self, node: Node) -> Urgency | None:
        names: Mapping[str, Urgency | None] = {each.value: each for each in Urgency}
        return self._document.value(node, "severity", one_of(names), None)

    def group_by(self, node: Node) -> tuple[str, ...]:
        names = {each: each for each in self._group_labels}
        nodes = self._document.one_or_more(node)
        return tuple(filter(None, (self._document.value(each, "group_by", one_of(names), "") for each in nodes)))

    def repeat_interval(self, node: Node) -> float:
        return self._document.value(node, "repeat_interval", read_duration, 0.0)

    def time_intervals(self, node: Node) -> tuple[NamedInterval, ...]:
        named = []
        for each in self._document.one_or_more(node):
            name = self._document.text(each, "A time interval")
            if name in self._intervals:
                named.append(self._intervals[name])
            elif name:
                mistake = "interval_unknown" if self._intervals else "interval_unknown_none"
                self._document.note(each, mistake, name=name, known=", ".join(self._intervals))
        return tuple(named)

    def goes_on(self, node: Node) -> bool:
        return self._document.flag(node, "continue")


_READERS: dict[str, tuple[str, Callable[[_RuleReader, Node], Any]]] = {
    "name": ("name", _RuleReader.name),
    "match": ("match", _RuleReader.match),
    "receiver": ("receiver", _RuleReader.receiver),
    "to": ("to", _RuleReader.to),
    "at": ("at", _RuleReader.at),
    "language": ("language", _RuleReader.language),
    "severity": ("severity", _RuleReader.severity),
    "group_by": ("group_by", _RuleReader.group_by),
    "repeat_interval": ("repeat_interval_seconds", _RuleReader.repeat_interval),
    "mute_time_intervals": ("mute_time_intervals", _RuleReader.time_intervals),
    "active_time_intervals": ("active_time_intervals", _RuleReader.time_intervals),
    "continue": ("goes_on", _RuleReader.goes_on),
}
_KNOWN_VALUES: dict[str, tuple[str, ...]] = {
    "event": tuple(each.value for each in KNOWN_EVENTS),
    "severity": tuple(each.value for each in Urgency),
}


def read_duration(text: str) -> float:
    """A duration such as ``4h``, ``90s`` or ``1h30m``, in seconds.

    :raises ValueError: for anything else.
    """
    found = _DURATION.fullmatch(text.replace(" ", ""))
    if not text or found is None or not any(found.groups()):
        raise WrongValueError("duration")
    return float(sum(int(part or 0) * seconds for part, seconds in zip(found.groups(), _SECONDS, strict=True)))
