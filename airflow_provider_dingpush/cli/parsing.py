"""The parser of the command line: argparse, but in one language, with suggestions and without abbreviations."""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

Pair = tuple[str, str]
"""A text in English and in Chinese."""

_UNKNOWN_COMMAND: Pair = ("unknown command {word!r}", "未知命令 {word!r}")
_UNKNOWN_OPTION: Pair = ("unknown option {word!r}", "未知选项 {word!r}")
_UNEXPECTED: Pair = ("unexpected argument {word!r}", "多余的参数 {word!r}")
_NOT_A_CHOICE: Pair = ("{name} must be one of {choices}, not {word!r}", "{name} 只能是 {choices}，而不是 {word!r}")
_NOT_AN_ARGUMENT: Pair = (
    "the {name} must be one of {choices}, not {word!r}",
    "{name}只能是 {choices}，而不是 {word!r}",
)
_WRONG_VALUE: Pair = ("{name} must be {rule}, not {word!r}", "{name} 应为{rule}，而不是 {word!r}")
_NEEDS_VALUE: Pair = ("{name} needs a value", "{name} 缺少值")
_TAKES_NO_VALUE: Pair = ("{name} takes no value", "{name} 不带值")
_EMPTY: Pair = ("the value of {name} is empty", "{name} 的值为空")
_TWICE: Pair = ("{name} can be given only once", "{name} 只能给出一次")
_SUGGESTION: Pair = ("; did you mean {guess!r}?", "，是否想输入 {guess!r}？")
_USAGE: Pair = ("usage: ", "用法：")
_A_NUMBER: Pair = ("a number", "数字")
_COMMA: Pair = (", ", "、")
# Arguments, which have no name on the command line.
_WORDS_OF: dict[str, Pair] = {"action": ("action", "操作"), "shell": ("shell", "shell ")}

_LONGEST_WORD = 40
# Punctuation that may not begin a line of Chinese.
_ENDING = frozenset("，。、；：！？）”’》…")
_TOKEN = re.compile(r"\s+|[!-~]+|.")


class UsageError(Exception):
    """The command line is wrong: the command ends with exit code 2.

    :param problem: in the language of the run.
    :param parser: that read this part of the line; ``None`` if the command itself found the problem.
    """

    def __init__(self, problem: str, parser: Parser | None = None) -> None:
        super().__init__(problem)
        self.parser = parser


@dataclass(frozen=True)
class Argument:
    """One option or argument of a command, for completion scripts and the reference page.

    :param names: such as ``-h`` and ``--help`` of an option; one name without dashes of an argument.
    :param help: in the language of the parser.
    :param metavar: the name of its value in the help; empty if it takes none.
    :param choices: all of its values, if there is a list.
    :param repeatable: whether it may be given several times.
    """

    names: tuple[str, ...]
    help: str
    metavar: str
    choices: tuple[str, ...]
    repeatable: bool

    @property
    def is_option(self) -> bool:
        """Whether it has a name on the command line."""
        return self.names[0].startswith("-")


class Parser(argparse.ArgumentParser):
    """Reads a command line, or raises :class:`UsageError`; it doesn't end the process.

    :param language: ``zh`` or ``en``.
    :param settings: as for :class:`argparse.ArgumentParser`.
    """

    def __init__(self, *, language: str, **settings: Any) -> None:
        self.language = language
        self.arguments: list[Argument] = []
        self._reads_intermixed = False
        super().__init__(
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
            formatter_class=partial(_Formatter, usage_prefix=self.text(_USAGE), colon=self.text((":", "："))),
            **settings,
        )

    def text(self, pair: Pair, /, **values: object) -> str:
        """A text in the language of this parser, with its values."""
        return pair[1 if self.language == "zh" else 0].format(**values)

    def problem(self, pair: Pair, /, suffix: str = "", **values: object) -> UsageError:
        """An error in the language of this parser."""
        return UsageError(self.text(pair, **values) + suffix, self)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read a whole command line.

        :raises UsageError: if it is wrong.
        """
        parsed: argparse.Namespace
        parsed, rest = self.parse_known_args(args, namespace)
        if rest:
            command: Parser = getattr(parsed, "parser", self)
            option = next((word for word in rest if word.startswith("-")), None)
            raise command.problem(_UNEXPECTED, word=shown(rest[0])) if option is None else command._unknown(option)
        return parsed

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read what this parser knows.

        :raises UsageError: if a value is wrong or missing.
        """
        try:
            if self._reads_intermixed or sum(not each.is_option for each in self.arguments) < 2:
                return super().parse_known_args(args, namespace)
            return self._read_intermixed(args, namespace)
        except argparse.ArgumentError as error:
            # What argparse finds by itself: an option without its value, or a value that it may not have.
            name = (error.argument_name or "").rpartition("/")[2]
            takes_none = any(name in each.names and not each.metavar for each in self.arguments)
            raise self.problem(_TAKES_NO_VALUE if takes_none else _NEEDS_VALUE, name=name) from None

    def _read_intermixed(self, args: Any, namespace: Any) -> Any:
        """Read arguments with options between them: argparse takes a second one that isn't there yet as left out."""
        self._reads_intermixed = True  # it calls `parse_known_args`
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._reads_intermixed = False

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UsageError(message, self)

    def suggestion(self, word: str, known: Iterable[str]) -> str:
        """The end of an error: what was probably meant; empty if nothing is similar."""
        from difflib import get_close_matches

        guesses = get_close_matches(word, list(known), 1)
        return self.text(_SUGGESTION, guess=guesses[0]) if guesses else ""

    def _unknown(self, word: str) -> UsageError:
        name = word.partition("=")[0]
        known = [name for each in self.arguments if each.is_option for name in each.names]
        return self.problem(_UNKNOWN_OPTION, self.suggestion(name, known), word=name)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        suggestion, word = self.suggestion(str(value), action.choices), shown(str(value))
        if action.dest == "command":
            raise self.problem(_UNKNOWN_COMMAND, suggestion, word=word)
        name = (
            action.option_strings[-1]
            if action.option_strings
            else self.text(_WORDS_OF.get(action.dest, (action.dest, action.dest)))
        )
        choices = self.text(_COMMA).join(action.choices)
        raise self.problem(
            _NOT_A_CHOICE if action.option_strings else _NOT_AN_ARGUMENT,
            suggestion,
            name=name,
            choices=choices,
            word=word,
        )


class Options:
    """Adds options to a parser, with their help in one language.

    :param parser: to add to.
    """

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._arguments = parser.add_argument_group(parser.text(("Arguments", "参数")))
        self.group("Options", "选项")

    def group(self, en: str, zh: str) -> None:
        """Begin a group of options."""
        self._group = self._parser.add_argument_group(self._parser.text((en, zh)))

    def add(self, names: str, en: str, zh: str, **settings: Any) -> None:
        """Add an option to the group, or an argument if its name has no dash.

        An option with an empty value is refused: the value comes from a shell variable that isn't set.

        :param names: with blanks between them.
        :param en: its help in English.
        :param zh: its help in Chinese.
        :param settings: as for argparse. A ``type`` returns the value of a word, or raises ValueError with its rule
            as a :data:`Pair`.
        """
        spelled = tuple(names.split())
        action = settings.get("action")
        takes_value, is_option = action in (None, "append"), spelled[0].startswith("-")
        if takes_value and is_option:
            settings["type"] = partial(_value, self._parser, spelled[-1], settings.get("type", str))
            settings["action"] = action or _Once
        help_text = zh if self._parser.language == "zh" else en
        group = self._group if is_option else self._arguments
        added = group.add_argument(*spelled, help=help_text, **settings)
        choices = tuple(map(str, added.choices or ()))
        metavar = str(added.metavar or ("{" + ",".join(choices) + "}" if choices else added.dest.upper()))
        self._parser.arguments.append(
            Argument(
                spelled,
                help_text % {"default": added.default},
                metavar if takes_value else "",
                choices,
                repeatable=action == "append",
            )
        )


def shown(word: str) -> str:
    """A word of the command line for an error: short, and without the query of a URL, which may hold a token."""
    word = word.partition("?")[0]
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…"


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an option: a whole number in a range."""
    rule: Pair = (
        (f"a whole number from {least}", f"不小于 {least} 的整数")
        if most is None
        else (f"a whole number from {least} to {most}", f" {least} 到 {most} 之间的整数")
    )

    def read(word: str) -> int:
        number = int(word) if re.fullmatch(r"[+-]?[0-9]{1,18}", word) else None
        if number is None or number < least or (most is not None and number > most):
            raise ValueError(rule)
        return number

    return read


def seconds(word: str) -> float:
    """The type of an option: a number of seconds above 0."""
    number = float(word)
    if not 0 < number < float("inf"):
        raise ValueError(("a number above 0", "大于 0 的数字"))
    return number


def moment(word: str) -> datetime:
    """The type of an option: a time, with or without its zone."""
    try:
        # Python 3.10 doesn't know the Z.
        return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", word))
    except ValueError:
        raise ValueError(("a time such as 2026-12-01T03:00", "时间，例如 2026-12-01T03:00")) from None


_SECONDS_OF_UNIT = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def duration(word: str) -> float:
    """The type of an option: a time such as ``24h`` or ``7d``, in seconds."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", word.strip().lower())
    if not found or not int(found[1]):
        raise ValueError(("a time such as 90m, 24h or 7d", "时长，例如 90m、24h、7d"))
    return float(int(found[1]) * _SECONDS_OF_UNIT[found[2]])


def _value(parser: Parser, name: str, read: Callable[[str], Any], word: str) -> Any:
    if not word:
        raise parser.problem(_EMPTY, name=name)
    try:
        return read(word)
    except ValueError as error:
        rule = error.args[0] if error.args and isinstance(error.args[0], tuple) else _A_NUMBER
        raise parser.problem(_WRONG_VALUE, name=name, rule=parser.text(rule), word=shown(word)) from None


class _Once(argparse.Action):
    """Stores a value, and refuses a second one instead of dropping the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        given = namespace.__dict__.setdefault("given", set())
        if self.dest in given:
            assert isinstance(parser, Parser)  # noqa: S101 - there are no others
            raise parser.problem(_TWICE, name=option_string or self.dest)
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The help in one language; a Chinese character counts as the two columns that it takes.

    :param usage_prefix: what stands before the usage.
    :param colon: what stands after a heading.
    """

    def __init__(self, prog: str, *, usage_prefix: str, colon: str) -> None:
        super().__init__(prog, max_help_position=28)
        self._usage_prefix = usage_prefix
        self._colon = colon

    def format_help(self) -> str:
        return re.sub(r"(?m)^(\S.*):$", rf"\1{self._colon}", super().format_help())

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, self._usage_prefix if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text that is at most so many columns wide; the indentation of the first is kept.

    Lines break at blanks, and before any Chinese character but closing punctuation. A longer word has its own line.
    """
    lines, line = [], ""
    for token in _TOKEN.findall(text):
        if line.strip() and _columns(line + token) > width and token not in _ENDING:
            lines.append(line.rstrip())
            line = "" if token.isspace() else token
        else:
            line += token
    return [*lines, line.rstrip()] if line.strip() else lines


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
