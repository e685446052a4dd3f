"""``dingpush ack`` and ``dingpush unack``: claim an open incident, or give it back."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_dingpush.cli.incidents import COMMAND_SECONDS
from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.parsing import UsageError
from airflow_provider_dingpush.cli.plain_incidents import COLUMNS, INCIDENT_TEXTS, cells_of, claim_text, plain_incident
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.pipeline.incidents import (
    Incident,
    claim,
    current_claim,
    meant_by,
    of_all,
    outboxes_of,
    siblings_of,
    unclaim,
)
from airflow_provider_dingpush.pipeline.store_flush import stores_for_commands
from airflow_provider_dingpush.storage.outbox import Outbox

_MOST_SHOWN = 20

_TEXTS: Texts = {
    **INCIDENT_TEXTS,
    "ack": ("{id} {name}: claimed by {by}.", "{id} {name}：由 {by} 认领。"),
    "before": ("It was claimed before by {claim}.", "此前的认领人：{claim}。"),
    "unack": ("{id} {name}: nobody takes care of it now.", "{id} {name}：已取消认领。"),
    "unclaimed": ("{id} {name}: nobody had claimed it.", "{id} {name}：原本就无人认领。"),
    "unknown": ("No open incident is meant by {word!r}.", "没有与 {word!r} 对应的未恢复故障。"),
    "open": ("Open now:", "当前未恢复的故障："),
    "none": ("Nothing is open: every failure has recovered.", "当前没有未恢复的故障。"),
    "ambiguous": (
        "{word!r} means {count}. Type more of the id, or pass --all for all of them:",
        "{word!r} 对应 {count}。请输入更长的编号，或用 --all 处理全部：",
    ),
    "more": ("… and {count} more: dingpush incidents", "……另有 {count}：dingpush incidents"),
}
Found = tuple[Outbox, Incident]


def run(parsed: argparse.Namespace) -> int:
    """Claim incidents or give them back; 1 if none is meant, or it isn't clear which.

    :raises UsageError: if the name of a person is empty.
    """
    screen, is_ack = Screen(parsed.language, _TEXTS), parsed.command == "ack"
    every = of_all(outboxes_of(stores_for_commands(time.monotonic() + COMMAND_SECONDS)))
    chosen: dict[str, Found] = {}
    failed = False
    for word in parsed.incidents:
        meant = meant_by(word, (each for _, each in every.values()))
        if not meant or (not parsed.all and len(meant) > len(siblings_of(meant[0], meant))):
            failed = True
            if not parsed.as_json:
                _explain(word, meant, [each for _, each in every.values()], screen)
        else:
            incidents = [each for _, each in every.values()]
            chosen.update({each.id: every[each.id] for one in meant for each in siblings_of(one, incidents)})
    if failed:
        if parsed.as_json:
            found = [meant_by(word, (each for _, each in every.values())) for word in parsed.incidents]
            candidates = {each.id: plain_incident(each) for some in found if len(some) > 1 for each in some}
            print_json({"action": parsed.command, "incidents": [], "candidates": list(candidates.values())})
        return 1
    by = _name_of(parsed) if is_ack else ""
    done = [_ack(*each, by, parsed, screen) if is_ack else _unack(*each, parsed, screen) for each in chosen.values()]
    if parsed.as_json:
        print_json({"action": parsed.command, "incidents": [plain_incident(each) for each in done], "candidates": []})
    return 0


def _ack(outbox: Outbox, incident: Incident, by: str, parsed: argparse.Namespace, screen: Screen) -> Incident:
    claimed = claim(outbox, incident, by, outbox.store.now(), note=parsed.note or "")
    if not parsed.as_json:
        line = screen.text("ack", id=incident.short_id, name=incident.failure.name, by=claimed.by)
        screen.marked("✓", "green", line)
        if incident.claim is not None and incident.claim.by != claimed.by:
            screen.line("before", claim=claim_text(incident.claim, screen))
    return replace(incident, claim=claimed)


def _unack(outbox: Outbox, incident: Incident, parsed: argparse.Namespace, screen: Screen) -> Incident:
    was_claimed = incident.claim is not None or current_claim(outbox, incident.id) is not None
    unclaim(outbox, incident)
    if not parsed.as_json:
        name = "unack" if was_claimed else "unclaimed"
        screen.line(name, id=incident.short_id, name=incident.failure.name)
    return replace(incident, claim=None)


def _explain(word: str, meant: Sequence[Incident], every: Sequence[Incident], screen: Screen) -> None:
    """Say on standard error what the word means, or else what is open."""
    if meant:
        text = screen.text("ambiguous", word=word, count=screen.count(len(meant), "open incident"))
        print(f"dingpush: {text}", file=sys.stderr)
    else:
        print(f"dingpush: {screen.text('unknown', word=word)}", file=sys.stderr)
        screen.line("open" if every else "none", error=True)
    listed = sorted(meant or every, key=lambda each: each.order)
    if listed:
        print_table([screen.text(each) for each in COLUMNS], [cells_of(each, screen) for each in listed[:_MOST_SHOWN]])
    if len(listed) > _MOST_SHOWN:
        screen.line("more", count=screen.count(len(listed) - _MOST_SHOWN, "incident"))


def _name_of(parsed: argparse.Namespace) -> str:
    """Who claims: the one named, or else the user of this shell.

    :raises UsageError: if that is nobody.
    """
    named: str = parsed.by if parsed.by is not None else _user()
    if not named.strip():
        raise UsageError(parsed.parser.text(("say who takes care of it: --by NAME", "请用 --by 写明认领人")))
    return named


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return ""
