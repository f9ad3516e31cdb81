"""Recording what was read. A read is never refused because it cannot be recorded: whoever read is told why, no more."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.usage import Told
from podium_lakehouse.records.queries import Query
from podium_lakehouse.store.troubles import in_words

Warn = Callable[[str], None]
"""Tells whoever reads what did not work."""
RECORDS = "_podium."


@dataclass
class Recording:
    """A read that has begun."""

    lakehouse: Lakehouse
    reader: str
    engine: str
    tables: Mapping[str, Snapshot]
    warn: Warn
    told: Told = field(default_factory=Told)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=perf_counter)

    def end(self, rows: int) -> None:
        """Record it, with the rows that were handed out, and the time from its beginning until now; not where it looked at no table, or at records only."""
        if all(name.startswith(RECORDS) for name in self.tables):
            return
        query = Query(
            time=self.time,
            who=_user(),
            reader=self.reader,
            engine=self.engine,
            tables={name: snapshot.version for name, snapshot in self.tables.items()},
            rows=rows,
            milliseconds=round((perf_counter() - self._begun) * 1000),
            statement=self.told.statement,
            usage=self.told.usage,
        )
        try:
            with in_words(self.lakehouse.uri):
                self.lakehouse.queries.put(query)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows have been read
            said = str(error).splitlines() or [type(error).__name__]
            self.warn(f"this read is not recorded in _podium/queries: {said[0]}")


def _user() -> str:
    """Return who reads, by the system's name; empty where it has none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
