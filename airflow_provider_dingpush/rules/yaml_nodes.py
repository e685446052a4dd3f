"""Reading YAML with the line and column of each value, so that a mistake can be shown where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias, TypeVar

from airflow_provider_dingpush.rules.mistakes import WrongValueError, texts_of

Node: TypeAlias = Any
"""A node of PyYAML, which has no types of its own."""
Result = TypeVar("Result")

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Problem(NamedTuple):
    """A mistake in a file.

    :param file: name of the file.
    :param line: from 1.
    :param column: from 1.
    :param text: what is wrong and what is right, in one or two sentences.
    :param text_zh: the same in Chinese.
    """

    file: str
    line: int
    column: int
    text: str
    text_zh: str

    def in_language(self, language: str) -> str:
        """Where it is and what it is.

        :param language: ``zh`` or ``en``.
        """
        text = self.text_zh if language == "zh" else self.text
        return f"{self.file}:{self.line}:{self.column}: {text}"


class Document:
    """The nodes of one YAML file, and what is wrong with them.

    Every reader returns a usable value also for a wrong node, so that all mistakes are found in one go.

    :param file: its name, for problems.
    :param is_secret: recognises a value that must not stand there. It is a problem, and hidden from then on.
    """

    def __init__(self, file: str, is_secret: Callable[[str], bool]) -> None:
        self.file = file
        self.is_secret = is_secret
        self.problems: list[Problem] = []

    def parse(self, text: str) -> Node | None:
        """The root node; ``None`` if the file is empty or isn't YAML."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            root = yaml.compose(text, Loader=loader)
            self._hide_secrets(root)
            return root
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            texts = texts_of("not_yaml", problem=error.problem or error.context)
            self.problems.append(Problem(self.file, line, column, *texts))
        except yaml.YAMLError:
            self.problems.append(Problem(self.file, 1, 1, *texts_of("not_yaml_character")))
        return None

    def _hide_secrets(self, root: Node | None) -> None:
        waiting, seen = [root] if root is not None else [], set()
        while waiting:
            node = waiting.pop()
            # An alias is the node itself once more.
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.id == "mapping":
                waiting += [each for pair in node.value for each in pair]
            elif node.id == "sequence":
                waiting += node.value
            elif self.is_secret(node.value):
                self.note(node, "secret")
                node.value = "***"

    def note(self, node: Node, mistake: str, **values: object) -> None:
        """Add a problem.

        :param mistake: its name.
        :param values: for the placeholders of its text.
        """
        texts = texts_of(mistake, **values)
        self.problems.append(Problem(self.file, line_of(node), node.start_mark.column + 1, *texts))

    def mapping(self, node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
        """The values of a mapping, by key; unknown and repeated keys are problems."""
        if node.id != "mapping":
            self.note(node, "not_mapping", what=what, known=", ".join(known))
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if key.id == "scalar" else ""
            if name not in known:
                close = get_close_matches(name, list(known), 1)
                if close:
                    self.note(key, "key_misspelled", name=name, close=close[0])
                else:
                    self.note(key, "key_unknown", name=name, what=what, known=", ".join(known))
            elif name in found:
                self.note(key, "key_twice", name=name)
            elif not is_null(value) or name == "receiver":
                found[name] = value
        return found

    def items(self, node: Node, what: str) -> Sequence[Node]:
        """The items of a list; anything but a list is a problem."""
        if node.id != "sequence":
            self.note(node, "not_list", what=what)
            return ()
        items: Sequence[Node] = node.value
        return items

    def one_or_more(self, node: Node) -> Sequence[Node]:
        """The items of a list, or a single value as a list of one."""
        return node.value if node.id == "sequence" else (node,)

    def text(self, node: Node, what: str) -> str:
        """A text, as it stands in the file: ``08:00`` and ``1.0`` aren't numbers here."""
        if node.id != "scalar" or is_null(node) or not node.value.strip():
            self.note(node, "not_text", what=what)
            return ""
        text: str = node.value.strip()
        return text

    def flag(self, node: Node, what: str) -> bool:
        """True or false."""
        value = _BOOLEANS.get(node.value.lower()) if node.id == "scalar" else None
        if value is None:
            self.note(node, "not_flag", what=what)
        return bool(value)

    def value(self, node: Node, what: str, read: Callable[[str], Result], default: Result) -> Result:
        """A text that a function reads; its error says what is right."""
        text = self.text(node, what)
        try:
            return read(text) if text else default
        except WrongValueError as rule:
            self.note(node, "refused", what=what, rule=rule, rule_zh=rule.chinese, text=text)
            return default

    def plain(self, node: Node) -> Any:
        """The value as plain data: numbers stay texts, so that no leading zero of an id is lost."""
        if node.id == "mapping":
            return {str(self.plain(key)): self.plain(value) for key, value in node.value}
        if node.id == "sequence":
            return [self.plain(each) for each in node.value]
        if is_null(node):
            return None
        is_boolean = node.tag.endswith(":bool")
        return _BOOLEANS[node.value.lower()] if is_boolean else node.value


def line_of(node: Node) -> int:
    """The line of a node, from 1."""
    return int(node.start_mark.line) + 1


def is_null(node: Node) -> bool:
    """Whether nothing, ``null`` or ``~`` stands there."""
    return bool(node.id == "scalar" and node.tag.endswith(":null"))


def one_of(names: Mapping[str, Result]) -> Callable[[str], Result]:
    """Reads one of several names, in any case."""

    def read(text: str) -> Result:
        found = {name.lower(): value for name, value in names.items()}
        if text.lower() not in found:
            raise WrongValueError("one_of", names=", ".join(names))
        return found[text.lower()]

    return read
