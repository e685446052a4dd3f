"""Docstrings are reStructuredText, as Sphinx reads it; the site is Markdown. Griffe leaves some of the former."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|meth|mod|func|data|attr):`~?(?P<name>[\w.]+)`")
_PACKAGE = "airflow_provider_dingpush"


class Docstrings(griffe.Extension):
    """Cross-references become links, and a bare ``ClassVar`` isn't taken for a field of a dataclass."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Turn roles into Markdown."""
        if obj.docstring:
            text = obj.docstring.value.replace("\n\n::\n\n", "\n\n")
            obj.docstring.value = _ROLE.sub(lambda role: _reference(role, obj), text)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Griffe knows ``ClassVar[str]`` only."""
        if str(attr.annotation) == "ClassVar":
            attr.labels.discard("instance-attribute")


def _reference(role: re.Match[str], obj: griffe.Object) -> str:
    """A link to what the site has; the mere name of what it hasn't."""
    name = role["name"]
    if name.startswith("."):
        path = _PACKAGE + name
    elif "." in name:
        path = name
    else:
        path = next((f"{each.path}.{name}" for each in (obj, obj.parent) if each and name in each.members), name)
    return f'<autoref identifier="{path}" optional>`{name.rpartition(".")[2]}`</autoref>'
