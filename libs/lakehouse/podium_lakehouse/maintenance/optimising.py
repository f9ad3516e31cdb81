"""One call for a table: Z-order, vacuum, statistics, compaction, in the reference's order, each recorded in `_podium/maintenance`.

No row changes, and no commit is news: a stage that is at work beside it goes on from the versions that it has pinned, and whoever replaces files
first wins; the other leaves them. Killed between two steps, or within one, what is done stays done, and the next call does the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deltalake import DeltaTable

from podium_lakehouse.delta.compaction import put_together
from podium_lakehouse.delta.ordering import reorder, unordered_share
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.maintenance.needed import Needed
from podium_lakehouse.maintenance.statistics import refresh
from podium_lakehouse.maintenance.vacuuming import RETENTION_HOURS, UNCOMMITTED_HOURS, vacuum
from podium_lakehouse.records.maintenance import Action

SMALL_BYTES = 32_000_000
"""Of a file that is put together with others, into one of up to twice that."""
RECORDS = "_podium."


@dataclass(frozen=True)
class Table:
    """A table as people call it, where it lies, and the columns that its files are Z-ordered by, if any."""

    name: str
    uri: str
    z_order: tuple[str, ...] = ()


def optimise(
    lakehouse: Lakehouse,
    table: Table,
    needs: Callable[[], Needed],
    retention_hours: float = RETENTION_HOURS,
) -> list[Action]:
    """Bring a table's files into order; return what was done, also where there was nothing to do."""
    done = []
    if table.z_order:
        done.append(_z_order(table))
    done += [vacuumed(table, needs, retention_hours), _statistics(table), _compaction(table)]
    lakehouse.maintenance.put(done)
    return done


def vacuumed(
    table: Table, needs: Callable[[], Needed], retention_hours: float, *, dry_run: bool = False
) -> Action:
    """Take away the files of a table that nobody needs; return what was done, without recording it.

    Podium's own records keep a day at least: whoever looks into them pins nothing.
    """
    if table.name.startswith(RECORDS):
        retention_hours = max(retention_hours, UNCOMMITTED_HOURS)
    found = vacuum(table.uri, needs, retention_hours, dry_run=dry_run)
    return _action(
        table,
        "vacuum",
        (found.files + found.needed, found.needed),
        retention_hours=retention_hours,
        bytes_freed=found.bytes,
    )


def _z_order(table: Table) -> Action:
    opened = DeltaTable(table.uri)
    before = len(opened.file_uris())
    if before and unordered_share(opened) > 0:
        reorder(table.uri, opened, table.z_order)
    return _action(table, "z_order", (before, len(DeltaTable(table.uri).file_uris())), columns=table.z_order)


def _statistics(table: Table) -> Action:
    return _action(table, "statistics", (refresh(table.uri), 0))


def _compaction(table: Table) -> Action:
    """Put small files together; not those that were just ordered, which would have to be ordered again."""
    if table.z_order and unordered_share(DeltaTable(table.uri)) == 0:
        return _action(table, "compaction", (0, 0))
    return _action(table, "compaction", put_together(table.uri, SMALL_BYTES))


def _action(
    table: Table,
    action: str,
    files: tuple[int, int],
    *,
    columns: Sequence[str] = (),
    retention_hours: float | None = None,
    bytes_freed: int = 0,
) -> Action:
    return Action(
        time=datetime.now(UTC),
        table=table.name,
        action=action,
        version=DeltaTable(table.uri).version(),
        files_before=files[0],
        files_after=files[1],
        columns=tuple(columns),
        retention_hours=retention_hours,
        bytes_freed=bytes_freed,
    )
