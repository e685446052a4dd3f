"""Which alerts DAG files that can't be imported need: one for each reason, however many files it breaks.

Pure: what was heard of the files, and when, is read by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

SETTLED_SECONDS = 120.0
"""After the first alert about a reason, more files are told once no further one has joined them for so long."""
LONGEST_SECONDS = 1800.0
"""They aren't held back for longer than this, in seconds."""
ALIVE_GAP_SECONDS = 180.0
"""The DAG processor counts as working all the time between two signs of it that are no further apart than this."""
PARSES_MISSED = 3
"""A file is fixed when it wasn't heard of for so many of its parse intervals."""
UNKNOWN_INTERVAL_SECONDS = 300.0
"""The parse interval of a file that was heard of only once, if those of others aren't known either, in seconds."""
_GAP_MEMORY = 0.7


@dataclass(frozen=True)
class BrokenFile:
    """A DAG file that couldn't be imported when it was last parsed.

    :param path: of the file, as Airflow names it.
    :param file: its path relative to the folder or bundle of DAGs.
    :param cause: the same for all files with the same problem.
    :param since: when it was first heard of, in seconds since 1970.
    :param changed: since when it has this cause, in seconds since 1970.
    :param gap: its parse interval, in seconds; 0 if it isn't known yet.
    :param quiet: how long ago it was last heard of, in seconds.
    :param bundle: name of its DAG bundle.
    :param type_name: class of the exception.
    :param text: of the exception.
    :param summary: the most informative line of it.
    :param place: where in the author's own code.
    :param source: the line of code.
    """

    path: str
    file: str
    cause: str
    since: float
    changed: float
    gap: float = 0.0
    quiet: float = 0.0
    bundle: str | None = None
    type_name: str | None = None
    text: str | None = None
    summary: str = ""
    place: str | None = None
    source: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """What is noted of it: how long ago that was follows from the note's expiry."""
        return {name: value for name, value in asdict(self).items() if name != "quiet" and value is not None}

    @classmethod
    def from_plain(cls, plain: Any, *, quiet: float) -> BrokenFile:
        """Read what was noted; unknown names, of a newer version, are ignored.

        :raises ValueError: if it is anything else.
        """
        try:
            found = cls(**{name: plain[name] for name in plain.keys() & cls.__dataclass_fields__.keys()}, quiet=quiet)
            numbers = (found.since, found.changed, found.gap)
            if all(isinstance(each, (int, float)) for each in numbers) and isinstance(found.file, str):
                return found
        except (TypeError, AttributeError, KeyError):
            pass
        raise ValueError("this isn't a broken file")

    def heard_again(self, before: BrokenFile | None) -> BrokenFile:
        """The same with what was noted of it before: since when, and how long its parse interval is.

        The interval shrinks slowly: saving a file makes Airflow parse it out of turn.
        """
        if before is None:
            return self
        gap = max(before.quiet, before.gap * _GAP_MEMORY)
        changed = before.changed if before.cause == self.cause else self.changed
        return replace(self, since=before.since, changed=changed, gap=gap)


@dataclass(frozen=True)
class Report:
    """What the receivers know about one reason.

    :param cause: the reason.
    :param receivers: identifies them.
    :param file: that names the incident: the first one that was told.
    :param since: since when, in seconds since 1970.
    :param paths: of the files that were told and are still broken.
    :param told: every file that was told.
    :param bundle: of the first one.
    """

    cause: str
    receivers: str
    file: str
    since: float
    paths: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    bundle: str | None = None

    @classmethod
    def from_plain(cls, plain: Any) -> Report:
        """Read its plain data.

        :raises ValueError: if it is anything else.
        """
        try:
            lists = {name: tuple(map(str, plain[name])) for name in ("paths", "told")}
            return cls(**{**plain, **lists, "since": float(plain["since"])})
        except (TypeError, KeyError) as problem:
            raise ValueError("this isn't a report") from problem


class Alive(NamedTuple):
    """The time in which the DAG processor has been seen working, without a gap.

    :param since: in seconds since 1970.
    :param until: in seconds since 1970.
    """

    since: float = 0.0
    until: float = 0.0

    def seen(self, now: float) -> Alive:
        """The same after another sign of it."""
        goes_on = 0 <= now - self.until <= ALIVE_GAP_SECONDS
        return Alive(self.since if goes_on else now, now)

    def seconds(self, now: float) -> float:
        """For how long it has been working up to now, in seconds; 0 if there is no sign of it now."""
        return now - self.since if self.until >= now else 0.0


class News(NamedTuple):
    """One alert that is due.

    :param report: what the receivers know after it.
    :param newest: the files that are broken, the one that names the incident first; none if it is fixed.
    """

    report: Report
    newest: tuple[BrokenFile, ...] = ()


class Decision(NamedTuple):
    """The result of one check.

    :param reports: to be remembered.
    :param news: the alerts to write.
    """

    reports: tuple[Report, ...]
    news: tuple[News, ...]


def interval_of(each: BrokenFile, others: Sequence[BrokenFile], least: float) -> float:
    """The parse interval of a file, in seconds.

    :param others: all broken files: if one was parsed once only, theirs are its best estimate.
    :param least: Airflow's ``min_file_process_interval``, in seconds.
    """
    gaps = sorted(each.gap for each in others if each.gap)
    typical = gaps[len(gaps) // 2] if gaps else UNKNOWN_INTERVAL_SECONDS
    return max(least, each.gap or typical)


def decide(
    known: Sequence[Report],
    broken: Iterable[BrokenFile],
    unheard: AbstractSet[str] = frozenset(),
    *,
    now: float,
    receivers_of: Callable[[BrokenFile], str],
) -> Decision:
    """What to tell now.

    The first files with a reason are told at once. More of them, which follow while Airflow parses one file after the
    other, are told together after that. The end is told when the last of them is fixed.

    :param known: what was told before.
    :param broken: all files that can't be imported now.
    :param unheard: paths of files that were told and of which nothing is known any more; they may still be broken.
    :param now: in seconds since 1970.
    :param receivers_of: identifies who is notified of a file: those of different receivers have alerts of their own.
    """
    groups: dict[tuple[str, str], list[BrokenFile]] = {}
    for each in broken:
        groups.setdefault((each.cause, receivers_of(each)), []).append(each)
    before = {(each.cause, each.receivers): each for each in known}
    reports: list[Report] = []
    news: list[News] = []
    for key, files in groups.items():
        files.sort(key=lambda each: (each.since, each.path))
        report, is_due = _report_of(key, files, before.get(key), unheard, now)
        reports.append(report)
        if is_due:
            news.append(News(report, tuple(sorted(files, key=lambda each: each.file != report.file))))
    ended = [each for key, each in before.items() if key not in groups]
    reports += [each for each in ended if not unheard.isdisjoint(each.paths)]
    # A file that fails for another reason now isn't fixed.
    still = {each.file for each in reports}
    news += [News(each) for each in ended if each.file not in still]
    return Decision(tuple(reports), tuple(news))


def _report_of(
    key: tuple[str, str], files: Sequence[BrokenFile], before: Report | None, unheard: AbstractSet[str], now: float
) -> tuple[Report, bool]:
    """What is known of a reason now, and whether an alert is due."""
    paths, names, first = tuple(each.path for each in files), [each.file for each in files], files[0]
    if before is None:
        return Report(*key, first.file, first.since, paths, tuple(names), first.bundle), True
    still, told = {*paths, *unheard}, set(before.paths)
    new = [each.changed for each in files if each.path not in told]
    if new and (now - max(new) >= SETTLED_SECONDS or now - min(new) >= LONGEST_SECONDS):
        return replace(before, paths=paths, told=tuple(dict.fromkeys([*before.told, *names]))), True
    return replace(before, paths=tuple(each for each in before.paths if each in still)), False
