"""The last number that a table holds of an application.

delta-rs reads the log since its last checkpoint for each question. On a local disk that is nothing; in a store it is a request for each commit, for
each question. There, a thread remembers what it was told, and reads of later commits only those that it has not seen: each once.
"""

import json
import threading
from dataclasses import dataclass, field

from deltalake import DeltaTable
from podium_contracts.pipeline import is_object

from podium_lakehouse.delta.stamps import Stamp, commit_uri, stamp
from podium_lakehouse.store.objects import get


@dataclass
class _Told:
    """What a table held at a version: the last number of each application that was asked for, None for one that has none."""

    version: int
    stamp: Stamp | None
    numbers: dict[str, int | None] = field(default_factory=dict)


class _Tables(threading.local):
    """What this thread knows, by the tables' URIs."""

    def __init__(self) -> None:
        self.told: dict[str, _Told] = {}


_tables = _Tables()


def last_number(table: DeltaTable, app_id: str) -> int | None:
    """Return the last transaction number of an application in a table as the handle has it."""
    uri = table.table_uri.rstrip("/")
    if not is_object(uri):
        return table.transaction_version(app_id)
    told = _caught_up(uri, table.version())
    if app_id not in told.numbers:
        told.numbers[app_id] = table.transaction_version(app_id)
    return told.numbers[app_id]


def _caught_up(uri: str, version: int) -> _Told:
    """Return what is known of a table at a version; nothing, where it is another table by now, or what came in between is gone."""
    told = _tables.told.get(uri)
    if told is None or told.version > version or told.stamp is None or told.stamp != stamp(uri, told.version):
        told = _Told(version, stamp(uri, version))
    elif told.version < version:
        try:
            commits = [_numbers_in(uri, later) for later in range(told.version + 1, version + 1)]
        except FileNotFoundError:
            commits, told = [], _Told(version, None)
        for numbers in commits:
            told.numbers |= numbers
        told.version, told.stamp = version, stamp(uri, version)
    _tables.told[uri] = told
    return told


def _numbers_in(uri: str, version: int) -> dict[str, int]:
    """Return the numbers that one commit brought."""
    actions = map(json.loads, get(commit_uri(uri, version)).splitlines())
    found = (action["txn"] for action in actions if "txn" in action)
    return {str(txn["appId"]): int(txn["version"]) for txn in found}
