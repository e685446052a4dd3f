"""The store of many machines, in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dingpush.storage.address import Address

if TYPE_CHECKING:
    from airflow_provider_dingpush.storage.redis.notes import RedisNotes
    from airflow_provider_dingpush.storage.redis.store import RedisStore


def address_of(url: str) -> Address:
    """The Redis that ``[dingpush] outbox_url`` names.

    :raises OutboxError: if the URL is none; no part of it is in the error's text.
    """
    from airflow_provider_dingpush.storage.redis.url import RedisUrl

    read = RedisUrl.read(url)
    return Address(read.location, read.password, lambda: _opened(url), lambda: _opened_notes(url))


def _opened(url: str) -> RedisStore:
    from airflow_provider_dingpush.storage.redis.store import RedisStore

    return RedisStore(url)


def _opened_notes(url: str) -> RedisNotes:
    from airflow_provider_dingpush.storage.redis.notes import RedisNotes
    from airflow_provider_dingpush.storage.redis.server import Server

    return RedisNotes(Server(url))
