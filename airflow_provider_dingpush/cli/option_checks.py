"""Checks of the options of ``[dingpush]`` that need nothing but this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from airflow_provider_dingpush.airflow_compat import airflow_option, default_timezone, is_airflow_3
from airflow_provider_dingpush.alerts.airflow_site import AIRFLOW_DEFAULT_BASE_URL, AirflowSite
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found
from airflow_provider_dingpush.cli.option_sources import SECTION, OptionSources, known_options
from airflow_provider_dingpush.connection_values import read_language
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.browser_links import LINK_FORMS, PC_BROWSER, read_link_form
from airflow_provider_dingpush.pipeline.composing import local_zone

_BEIJING = "Asia/Shanghai"
# What people write for Beijing time, in small letters and without blanks.
_MEANT_BEIJING = {
    *("asia/beijing", "asia/peking", "beijing", "china", "china/beijing", "cst", "prc", "utc+8", "utc+08:00"),
    *("gmt+8", "gmt+08:00", "+8", "+08:00", "+0800", "北京", "北京时间", "上海", "中国", "东八区"),
}
_INVERTED = "etc/gmt+"
_PAGES = "/home", "/dags", "/login", "/health", "/auth"


def _options(sources: OptionSources) -> Iterator[Finding]:
    if sources.problem is not None:
        yield found("options", Severity.WARNING, "config_unreadable", file=sources.file, problem=sources.problem)
    known = known_options()
    is_fine = True
    for (section, name), place in sources.places.items():
        if section == SECTION:
            if name in known:
                continue
            guess = next(iter(get_close_matches(name, known, 1)), None)
            code = "option_misspelt" if guess else "option_unknown"
            values = {"name": name, "guess": guess, "known": ", ".join(known)}
        elif name in known and get_close_matches(section.replace("_", ""), [SECTION], 1, 0.75):
            code, values = "section_misspelt", {"name": section}
        else:
            continue
        is_fine = False
        yield found("options", Severity.ERROR, code, set_in=place, **values)
    if is_fine and sources.problem is None:
        yield found("options", Severity.OK, "options_known")


def _timezone(sources: OptionSources) -> Iterator[Finding]:
    name = airflow_option(SECTION, "timezone")
    where = sources.where("timezone")
    now = datetime.now(local_zone())
    if name is None:
        yield found("timezone", Severity.OK, "timezone_default", zone=default_timezone(), time=f"{now:%H:%M}")
        return
    hours = name.lower().partition(_INVERTED)[2]
    if hours.isdecimal() and name.lower().startswith(_INVERTED):
        yield found("timezone", Severity.WARNING, "timezone_inverted", set_in=where, name=name, hours=int(hours))
        return
    try:
        # As for alerts: "utc" is none of zoneinfo's names.
        is_known = name.upper() == "UTC" or bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        is_known = False
    if is_known:
        yield found("timezone", Severity.OK, "timezone_ok", set_in=where, zone=name, time=f"{now:%H:%M}")
    elif not available_timezones():
        yield found("timezone", Severity.ERROR, "timezone_no_data", set_in=where)
    else:
        yield found("timezone", Severity.ERROR, "timezone_unknown", set_in=where, name=name, guess=_meant_zone(name))


def _meant_zone(name: str) -> str:
    plain = "".join(name.lower().split())
    if plain in _MEANT_BEIJING:
        return _BEIJING
    zones = {each.lower(): each for each in available_timezones()}
    close = get_close_matches(plain, zones, 1, 0.75)
    return zones[close[0]] if close else _BEIJING


def _language(sources: OptionSources) -> Iterator[Finding]:
    name = airflow_option(SECTION, "language")
    where = sources.where("language")
    try:
        language = read_language(name or "zh")
    except ValueError:
        yield found("language", Severity.ERROR, "language_unknown", set_in=where, name=name)
        return
    yield found("language", Severity.OK, f"language_{language}", set_in=where)


def _links(sources: OptionSources) -> Iterator[Finding]:
    where = sources.where("links")
    form = airflow_option(SECTION, "links") or PC_BROWSER
    try:
        read_link_form(form)
    except InvalidMessageError:
        known = ", ".join(LINK_FORMS)
        yield found("links", Severity.ERROR, "links_unknown", set_in=where, form=form[:40], known=known)
        return
    yield found("links", Severity.OK, "links_ok", set_in=where, form=form)


def _base_url(sources: OptionSources) -> Iterator[Finding]:
    own = airflow_option(SECTION, "base_url")
    where = sources.where("base_url")
    if own is not None:
        code, tail = _wrong_with_url(own)
        if code is not None:
            shown = own.rpartition("@")[2]
            yield found("base_url", Severity.ERROR, code, set_in=where, url=shown, tail=tail)
            return
    url = own or airflow_option("api" if is_airflow_3() else "webserver", "base_url")
    if not AirflowSite(base_url=url).is_local:
        yield found("base_url", Severity.OK, "base_url_ok", set_in=where, url=str(url).rpartition("@")[2])
    elif own is None:
        yield found("base_url", Severity.WARNING, "base_url_missing", url=url or AIRFLOW_DEFAULT_BASE_URL)
    else:
        yield found("base_url", Severity.WARNING, "base_url_local", set_in=where, url=own)


def _wrong_with_url(url: str) -> tuple[str | None, str]:
    """The code of what is wrong with a base URL, and the part of it that is too much."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return "base_url_unusable", ""
    if not is_address:
        return ("base_url_without_scheme" if _lacks_scheme(url) else "base_url_unusable"), ""
    if "@" in parts.netloc:
        return "base_url_with_login", ""
    tail = _tail_of_page(parts)
    return ("base_url_of_a_page" if tail else None), tail


def _lacks_scheme(url: str) -> bool:
    if "://" in url or "@" in url:
        return False
    try:
        return bool(urlsplit(f"https://{url}").hostname) and not url.startswith("/")
    except ValueError:
        return False


def _tail_of_page(parts: SplitResult) -> str:
    if parts.query or parts.fragment:
        return "?" if parts.query else "#"
    return next((page for page in _PAGES if parts.path.rstrip("/").endswith(page)), "")


OPTION_CHECKS = (
    Check("options", _options),
    Check("timezone", _timezone),
    Check("language", _language),
    Check("links", _links),
    Check("base_url", _base_url),
)
"""In the order in which they are shown; each looks at where options are set."""
