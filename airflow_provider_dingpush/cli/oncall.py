"""``dingpush oncall``: who is on call, until when, and who is next; or for a while ahead."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.connection_checks import masked_number, people_in_words
from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.parsing import Pair, Parser, UsageError
from airflow_provider_dingpush.cli.rules_file import rules_file
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.routes import rules_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.people import Person
    from airflow_provider_dingpush.rules.rotations import Rotation, Shift

_ONE_LIMIT: Pair = ("pass either --until or --days", "--until 和 --days 只能使用一个")
_UNTIL_TOO_EARLY: Pair = ("--until must be after --at", "--until 应晚于 --at")
_UNTIL_TOO_LATE: Pair = ("--until: at most {days} days ahead", "--until：最多 {days} 天之后")
_FAR_AWAY: Pair = ("{option}: a year from 2000 to 2200", "{option}：年份应在 2000 到 2200 之间")
_NO_ROTATION: Pair = ("there is no rotation {name!r} (there: {known})", "没有轮值 {name!r}（已有：{known}）")
MOST_DAYS = 366
"""For how many days ahead a command lists who is on call."""

_TEXTS: Texts = {
    "now": ("On call at {time} ({zone}):", "{time}（{zone}）值班："),
    "period": ("On call from {time} to {until} ({zone}):", "{time} 至 {until}（{zone}）值班："),
    "rotation": ("Rotation", "轮值"),
    "on_call": ("On call", "值班人"),
    "until": ("Until", "至"),
    "next": ("Next", "下一位"),
    "from": ("From", "自"),
    "to": ("To", "至"),
    "note": ("Note", "备注"),
    "person": ("{name} ({people})", "{name}（{people}）"),
    "nobody": ("nobody", "无人值班"),
    "override": ("override", "替班"),
    "none": (
        "{file} has no rotations, so nobody is on call. Add people and rotations to it.",
        "{file} 中没有 rotations，因此没有值班人。请在其中添加 people 和 rotations。",
    ),
}
_NO_VALUE = "–"
_YEARS = range(2000, 2201)


@dataclass(frozen=True)
class _Duty:
    """Who is on call in one rotation.

    :param rotation: it.
    :param shift: the one at the time that was asked about, which begins then.
    :param following: the next one, in which somebody else is on call, or nobody.
    :param shifts: those of the whole time that was asked about; ``None`` without one.
    """

    rotation: Rotation
    shift: Shift
    following: Shift | None
    shifts: Sequence[Shift] | None

    @classmethod
    def of(cls, rotation: Rotation, at: datetime, until: datetime | None) -> _Duty:
        """Look it up.

        :param until: the end of the time that was asked about.
        """
        shift = next(rotation.shifts(at, at + timedelta(minutes=1)))
        shifts = None if until is None else tuple(rotation.shifts(at, until))
        return cls(rotation, shift, rotation.next_shift(at), shifts)


def run(parsed: argparse.Namespace) -> int:
    """Show who is on call; 1 if the file has no rotations.

    :raises UsageError: if the options don't fit together, or there is no such rotation.
    :raises RulesFileError: if the file can't be read, or has mistakes.
    """
    parser: Parser = parsed.parser
    zone = local_zone()
    for name in ("at", "until"):
        moment = getattr(parsed, name)
        if moment is not None and moment.year not in _YEARS:
            raise UsageError(parser.text(_FAR_AWAY, option=f"--{name}"))
    at = _in_zone(parsed.at, zone) if parsed.at else datetime.now(zone).replace(microsecond=0)
    until = _until(parsed, at, parser)
    file = rules_file(parsed.file, parser)
    rotations = rules_in(file).duty.rotations
    if parsed.rotation is not None and rotations:
        known = ", ".join(each.name for each in rotations)
        rotations = tuple(each for each in rotations if each.name == parsed.rotation)
        if not rotations:
            raise UsageError(parser.text(_NO_ROTATION, name=parsed.rotation, known=known))
    every = [_Duty.of(each, at, until) for each in rotations]
    if parsed.as_json:
        print_json(_plain(every, file, at, until))
    else:
        _print(every, file, at, until, Screen(parsed.language, _TEXTS))
    return 0 if every else 1


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    # A time without a zone is one of the site.
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def _until(parsed: argparse.Namespace, at: datetime, parser: Parser) -> datetime | None:
    if parsed.until is None:
        return None if parsed.days is None else at + timedelta(days=parsed.days)
    if parsed.days is not None:
        raise UsageError(parser.text(_ONE_LIMIT))
    until = _in_zone(parsed.until, local_zone())
    if until.timestamp() <= at.timestamp():
        raise UsageError(parser.text(_UNTIL_TOO_EARLY))
    if until.timestamp() - at.timestamp() > timedelta(days=MOST_DAYS).total_seconds():
        raise UsageError(parser.text(_UNTIL_TOO_LATE, days=MOST_DAYS))
    return until


def _print(every: Sequence[_Duty], file: Path, at: datetime, until: datetime | None, screen: Screen) -> None:
    if not every:
        screen.line("none", file=file)
        return
    zone = at.tzinfo
    assert zone is not None  # noqa: S101 - it is the site's

    def clock(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

    if until is None:
        screen.line("now", time=clock(at), zone=zone)
        names = ["rotation", "on_call", "until", "next"]
        rows: list[tuple[str, ...]] = [
            (
                each.rotation.name,
                _person(each.shift.person, screen),
                clock(each.following.start) if each.following else _NO_VALUE,
                _person(each.following.person, screen) if each.following else _NO_VALUE,
            )
            for each in every
        ]
    else:
        screen.line("period", time=clock(at), until=clock(until), zone=zone)
        names = ["rotation", "from", "to", "on_call", "note"]
        rows = [
            (
                each.rotation.name,
                clock(shift.start),
                clock(shift.end),
                _person(shift.person, screen),
                screen.text("override") if shift.is_override else "",
            )
            for each in every
            for shift in each.shifts or ()
        ]
    print(file=answers())
    print_table([screen.text(each) for each in names], rows)


def _person(person: Person | None, screen: Screen) -> str:
    if person is None:
        return screen.text("nobody")
    return screen.text("person", name=person.name, people=people_in_words(person.at, int(screen.language == "zh")))


def _plain(every: Sequence[_Duty], file: Path, at: datetime, until: datetime | None) -> dict[str, Any]:
    def moment(value: datetime) -> str:
        return value.astimezone(at.tzinfo).isoformat(timespec="seconds")

    def shift(value: Shift) -> dict[str, Any]:
        return {
            "start": moment(value.start),
            "end": moment(value.end),
            "person": _plain_person(value.person),
            "override": value.is_override,
        }

    return {
        "file": str(file),
        "at": moment(at),
        "until": until and moment(until),
        "rotations": [
            {
                "name": each.rotation.name,
                "time_zone": str(each.rotation.zone),
                "on_call": _plain_person(each.shift.person),
                "override": each.shift.is_override,
                "next_at": moment(each.following.start) if each.following else None,
                "next": _plain_person(each.following.person) if each.following else None,
                "shifts": each.shifts and [shift(one) for one in each.shifts],
            }
            for each in every
        ],
    }


def _plain_person(person: Person | None) -> dict[str, Any] | None:
    """A person, with the mobile number partly masked."""
    if person is None:
        return None
    mobile = person.mobile and masked_number(person.mobile)
    return {"name": person.name, "user_id": person.user_id, "mobile": mobile, "email": person.email}
