"""An exception as an alert shows it; or the str that Airflow 2 provides instead.

The reason isn't always in the exception's own text, nor at its beginning: an ``ExceptionGroup`` has it in its
sub-exceptions, ``raise … from`` in the cause, ``add_note`` in a note, ``CalledProcessError`` in its output, and
a notebook, Spark or dbt in the last lines. So all of these are read, and a long text keeps head and tail.

The result is independent of the language: a line ``… 120 …`` stands for 120 omitted lines; an alert shows a text
instead (:func:`gap_in`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from airflow_provider_dingpush.alerts.visible_text import as_shown

MAX_EXCEPTION_LINES = 7
"""Of the exception's own text."""
MAX_EXCEPTION_CHARACTERS = 600
"""Of the exception's own text, the notes of gaps not counted."""
MAX_SUMMARY_CHARACTERS = 200

_HEAD_LINES = 3
_MOST_PARTS = 5  # sub-exceptions that are shown
_MOST_CAUSES = 2
_MOST_NOTE_LINES = 3
_MOST_STEPS = 50  # of a chain or group that is read
_MOST_LOOKED_AT = 500
_MOST_TYPE_CHARACTERS = 120
_SHORTEST_LINE = 20
_LONG_SUMMARY = 120
_LINE_CHARACTERS = 160  # of a line about a cause, a sub-exception or a note
_MOST_LINE_CHARACTERS = 1_000  # of a line that is read
_MOST_READ = 20_000
"""Characters that are read at either end of a text: far more than are shown."""
_EDGE = 2_000
"""Characters that are dropped where the middle of a text is missing, because half a secret isn't recognised."""

_GAP = r"… (\d+) …"
# Lines with a position instead of a reason: of Python's, Java's and Scala's stack traces, and rulers.
_NO_REASON = r"""(?x)
      at\s[\w.$/<>@]+ \( .*
    | \.\.\.\ \d+\ more
    | File\ "[^"]*",\ line\ \d+ .*
    | [\W_]*
    | An\ error\ occurred\ while\ calling\ \S+
    | \(Background\ on\ this\ error\ at:\ .*
"""
_TRACEBACK = "Traceback (most recent call last)"
_NAMED_ERROR = r"(?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt|Failure|Fault)\w*(?::\s.*)?|(?:\w+\.)+\w+:\s.*"
_JAVA_CAUSE = "Caused by: "
# Lines that only announce the next one: "Runtime Error", "Database Error in model orders (models/orders.sql)", "…:".
_ANNOUNCEMENT = r".*:|(?:[A-Z]\w*[ ])*(?:Error|Exception|Failure)(?: in [^:]*)?"

_Known = TypeVar("_Known")


class WhatWentWrong(NamedTuple):
    """An exception as an alert shows it.

    :param type_name: name of its class; ``None`` if there is only a text.
    :param text: its text with sub-exceptions, causes and notes, some lines; ``None`` if it is empty.
    :param summary: the most informative line, with the class; ``None`` if nothing is known.
    """

    type_name: str | None = None
    text: str | None = None
    summary: str | None = None


def read_exception(error: BaseException | str, redact: Callable[[str], str]) -> WhatWentWrong:
    """Read an exception.

    Takes bounded time and raises nothing, for any exception: one that can't be printed or redacted keeps its class.

    :param error: the exception, or its text.
    :param redact: removes secrets from free text.
    """
    if isinstance(error, str):
        lines = shown_lines(error, redact)
        return WhatWentWrong(None, _joined(_clipped(lines)), _cut(_best_line(lines), MAX_SUMMARY_CHARACTERS) or None)
    lines, parts = _own_lines(error, redact), _parts(error)
    more = [*_notes(error, redact), *_part_lines(parts, redact)]
    # With the class: the cause in a process pool repeats both.
    shown = "\n".join([_own_summary(error, redact), *lines, *more])
    more += [f"Caused by: {each}" for each in _causes(error, shown, redact)]
    own = _clipped(lines) if not more else _clipped(lines, MAX_EXCEPTION_LINES - 2)
    summary = _summary(error, redact)
    return WhatWentWrong(_type_name(error), _joined([*own, *more]), _cut(summary, MAX_SUMMARY_CHARACTERS))


def gap_in(line: str) -> int | None:
    """The number of omitted lines that a line stands for; ``None`` for a line of the text itself."""
    found = re.fullmatch(_GAP, line) if line.startswith("… ") else None
    return int(found[1]) if found else None


def shortened(text: str, characters: int) -> str:
    """A text of :func:`read_exception` cut to about so many characters, head and tail kept."""
    lines = text.split("\n")
    most = max(2, len(lines) * characters // max(len(text), 1))
    return "\n".join(_clipped(lines, most, characters))


def cut_to(lines: Sequence[str], characters: int) -> list[str]:
    """The lines, the longest of them cut in their middle so that all of them together have so many characters."""
    each = _longest_line(lines, characters)
    return [_middle_cut(line, each) for line in lines]


# One text


def shown_lines(text: str, redact: Callable[[str], str]) -> list[str]:
    """The lines of a text that aren't empty, as a terminal would show them and without secrets.

    :param redact: removes secrets from free text.
    """

    def clean(some: str) -> str:
        # Redacted before and after: a secret may contain a character that is dropped, or colour codes.
        return redact(as_shown(redact(some)))

    if len(text) <= 2 * _MOST_READ:
        shown = clean(text)
    else:
        head, tail = clean(text[:_MOST_READ])[:-_EDGE], clean(text[-_MOST_READ:])[_EDGE:]
        left_out = text.count("\n") - head.count("\n") - tail.count("\n") - 1
        shown = f"{head}\n… {left_out} …\n{tail}" if left_out > 0 else f"{head} … {tail}"
    # Java starts the line of an exception with a colon if the call came from Python.
    return [line.strip().removeprefix(": ") for line in shown.split("\n") if line.strip()]


def _clipped(
    lines: Sequence[str], most_lines: int = MAX_EXCEPTION_LINES, most_characters: int = MAX_EXCEPTION_CHARACTERS
) -> list[str]:
    """Head and tail of the lines, with a gap between them if lines are omitted, now or before."""
    gaps = [index for index, line in enumerate(lines) if gap_in(line) is not None]
    hidden = sum(gap_in(lines[index]) or 0 for index in gaps)
    before = gaps[0] if gaps else len(lines)
    kept = [line for line in lines if gap_in(line) is None]
    head, whole = min(before, len(kept)), len(kept)
    if whole > most_lines:
        informative = [line for line in kept if not is_position(line)] or kept
        head = min(_HEAD_LINES, most_lines // 2, before)
        kept = [*informative[:head], *informative[head:][head - most_lines :]]
    hidden += whole - len(kept)
    each = _longest_line(kept, most_characters)
    kept = [_middle_cut(line, each) for line in kept]
    return [*kept[:head], f"… {hidden} …", *kept[head:]] if hidden else kept


def _longest_line(lines: Sequence[str], most_characters: int) -> int:
    """How long each line may be so that all of them together are not longer than this."""
    remaining, left = most_characters, sorted(map(len, lines))
    for index, length in enumerate(left):
        share = remaining // (len(left) - index)
        if length > share:
            return max(share, _SHORTEST_LINE)
        remaining -= length
    return most_characters


def _middle_cut(line: str, characters: int) -> str:
    if len(line) <= characters:
        return line
    tail = characters // 2
    return f"{line[: characters - tail].rstrip()} … {line[-tail:].lstrip()}"


def _cut(line: str, characters: int) -> str:
    return line if len(line) <= characters else f"{line[:characters].rstrip()}…"


def _joined(lines: Sequence[str]) -> str | None:
    return "\n".join(lines) or None


def _best_line(lines: Sequence[str], *, last: bool = False) -> str:
    """The most informative line about the reason; empty if there is none.

    :param last: look for it at the end, as in the output of a command.
    """
    lines = [line[:_MOST_LINE_CHARACTERS] for line in lines if gap_in(line) is None]
    causes = [line[len(_JAVA_CAUSE) :] for line in lines if line.startswith(_JAVA_CAUSE) and line != _JAVA_CAUSE]
    if causes:
        return causes[-1]
    lines = [line for line in lines if not is_position(line)] or lines[:1]
    if any(_TRACEBACK in line for line in lines):
        return next((line for line in reversed(lines) if is_named_error(line)), lines[-1])
    text = ""
    for line in lines[-1:] if last else lines:
        words = line.removeprefix(": ")
        text = f"{text.rstrip(':. ')}: {words}" if text else words
        if not re.fullmatch(_ANNOUNCEMENT, words) or len(text) > MAX_SUMMARY_CHARACTERS:
            break
    return text


def is_named_error(line: str) -> bool:
    """Whether a line begins with the class of an exception, such as the last one of a traceback."""
    return re.fullmatch(_NAMED_ERROR, line) is not None


def is_position(line: str) -> bool:
    """Whether a line has a position instead of a reason, such as those of a stack trace."""
    return re.fullmatch(_NO_REASON, line) is not None


# What an exception is made of


def _known(read: Callable[[], _Known], otherwise: _Known) -> _Known:
    """The value, or the other one if reading it raises: exceptions of foreign classes may raise anything when read."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - see above; a timeout that Airflow raises meanwhile isn't one
        return otherwise


def _type_name(error: BaseException) -> str:
    name = " ".join(as_shown(type(error).__name__).split())
    return name[:_MOST_TYPE_CHARACTERS] or "Exception"


def _text_of(error: BaseException) -> str:
    """Its own text; if that raises, the text of a plain exception with its arguments."""
    text = _known(lambda: str(error), None)
    text = _known(lambda: BaseException.__str__(error), "") if text is None else text
    # A subclass of str may raise anything, too.
    return str.__str__(text)


def _own_lines(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    """The lines of its text, and of the output of its command if it has one."""
    nothing: list[str] = []
    lines = _known(lambda: shown_lines(_text_of(error), redact), nothing)
    return [*lines, *_known(lambda: _command_lines(error, redact), nothing)]


def _command_lines(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    """The output of a failed command, which the str of a ``CalledProcessError`` doesn't contain."""
    if all(kind.__module__ != "subprocess" for kind in type(error).__mro__):
        return []
    written = next((each for each in (_get(error, "stderr"), _get(error, "output")) if each), "")
    if isinstance(written, (bytes, bytearray)):
        written = bytes(written[:_MOST_READ] + written[-_MOST_READ:] if len(written) > 3 * _MOST_READ else written)
        written = written.decode("utf-8", "replace")
    return shown_lines(written, redact) if isinstance(written, str) else []


def _get(error: BaseException, name: str) -> Any:
    return _known(lambda: getattr(error, name, None), None)


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    """The sub-exceptions of a group, nested ones included; recognised by attributes, for Python 3.10."""
    found: list[BaseException] = []
    seen = {id(error)}
    waiting = list(reversed(_parts_of(error)))
    while waiting and len(seen) < _MOST_LOOKED_AT:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        inner = _parts_of(part)
        if inner:
            waiting += reversed(inner)
        else:
            found.append(part)
    return tuple(found)


def _parts_of(error: BaseException) -> list[BaseException]:
    parts = _get(error, "exceptions")
    if not isinstance(parts, (tuple, list)):
        return []
    return [part for part in parts[:_MOST_LOOKED_AT] if isinstance(part, BaseException)]


def _part_lines(parts: Sequence[BaseException], redact: Callable[[str], str]) -> list[str]:
    shown = [f"• {_cut(_summary(part, redact), _LINE_CHARACTERS)}" for part in parts[:_MOST_PARTS]]
    return [*shown, f"• … +{len(parts) - _MOST_PARTS}"] if len(parts) > _MOST_PARTS else shown


def _notes(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    notes = _get(error, "__notes__")
    notes = [notes] if isinstance(notes, str) else notes
    if not isinstance(notes, (list, tuple)):
        return []
    nothing: list[str] = []
    lines = [
        line
        for note in notes[:_MOST_STEPS]
        if isinstance(note, str)
        for line in _known(lambda note=note: shown_lines(note, redact), nothing)  # type: ignore[misc]
    ]
    return [_cut(line, _LINE_CHARACTERS) for line in _clipped(lines, _MOST_NOTE_LINES)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The causes of an exception, the nearest first: its ``__cause__``, or else its ``__context__``."""
    seen = {id(error)}
    for _ in range(_MOST_STEPS):
        cause = error.__cause__
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield cause
        error = cause


def _causes(error: BaseException, shown: str, redact: Callable[[str], str]) -> list[str]:
    """One line for each cause that adds to the text shown; of many, the nearest and the last of the chain."""
    added: list[str] = []
    for cause in _chain(error):
        line = _own_summary(cause, redact)
        words = line.partition(": ")[2]
        if not _is_named(words or line, shown):
            added.append(_cut(line, _LINE_CHARACTERS))
            shown = f"{shown}\n{line}"
    return added if len(added) <= _MOST_CAUSES else [added[0], added[-1]]


def _is_named(words: str, shown: str) -> bool:
    pattern = re.escape(" ".join(words.split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", " ".join(shown.split())) is not None


def _summary(error: BaseException, redact: Callable[[str], str]) -> str:
    """One line about an exception, and about its cause if that adds something or is shorter."""
    own, chain = _own_summary(error, redact), list(_chain(error))
    causes = _causes(error, own, redact)
    if not causes and chain and len(own) > _LONG_SUMMARY:
        causes = [each for each in [_own_summary(chain[-1], redact)] if len(each) < _LONG_SUMMARY]
    # A digest may show no more than the first half of a line.
    return f"{_cut(own, _LONG_SUMMARY // 2)}; caused by {causes[-1]}" if causes else own


def _own_summary(error: BaseException, redact: Callable[[str], str]) -> str:
    """One line about an exception: for a group its first sub-exception, for a command the end of its output."""
    name, parts = _type_name(error), _parts(error)
    if parts:
        # None of these has parts itself, so this recursion ends.
        text = _own_summary(parts[0], redact) + (f" (+{len(parts) - 1})" if len(parts) > 1 else "")
    else:
        nothing: list[str] = []
        command = _best_line(_known(lambda: _command_lines(error, redact), nothing), last=True)
        text = _best_line(_known(lambda: shown_lines(_text_of(error), redact), nothing)).removeprefix(f"{name}: ")
        text = f"{command} ({text})" if command else text
    return f"{name}: {text}" if text else name
