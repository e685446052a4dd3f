"""The link to a runbook that a DAG names: in ``params``, in a tag, or in the documentation of task or DAG."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

_TAG = re.compile(r"\s*runbook\s*[:=]\s*(?P<url>\S+)\s*", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"'`\]\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
_SENTENCE_END = ".,;:!?*_"
_MOST_CHARACTERS = 1_000
_MOST_READ = 20_000


def runbook_url(
    *, param: Any, tags: Iterable[Any], documents: Iterable[Any], redact: Callable[[str], str]
) -> str | None:
    """The first http(s) URL among these, what is named a runbook before the first link of a documentation.

    :param param: the value of the param ``runbook`` of the run, task or DAG.
    :param tags: of the DAG: one such as ``runbook:https://wiki.example.com/etl``.
    :param documents: Markdown texts (``doc_md``), the task's before the DAG's.
    :param redact: removes secrets; a URL that has some isn't used, because it would be sent to everybody.
    """
    candidates = (
        param,
        *(found["url"] for tag in tags if isinstance(tag, str) and (found := _TAG.fullmatch(tag))),
        *(_first_link(each) for each in documents),
    )
    return next((url for url in map(_usable, candidates) if url and redact(url) == url), None)


def _first_link(document: Any) -> str | None:
    found = _LINK.search(document[:_MOST_READ]) if isinstance(document, str) else None
    if found is None:
        return None
    url = found[0].rstrip(_SENTENCE_END)
    # The bracket that closes a Markdown link isn't part of it; one that was opened inside is: wiki/Etl_(orders).
    depth = 0
    for index, character in enumerate(url):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return url[:index]
    return url


def _usable(url: Any) -> str | None:
    if not isinstance(url, str) or not 0 < len(url.strip()) <= _MOST_CHARACTERS:
        return None
    url = url.strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:  # Such as an IPv6 address without its closing bracket.
        return None
    # What would end the link in a message's Markdown is encoded.
    return re.sub(r"[\s()<>\[\]\\]", lambda each: f"%{ord(each[0]):02X}", url) if usable else None
