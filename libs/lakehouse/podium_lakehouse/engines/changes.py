"""What changed in a table, as relations: the images of changed rows, and rows with a sign."""

from podium_lakehouse.delta.tables import CHANGE_FEED, Snapshot, column_names
from podium_lakehouse.engines.engine import Engine


def offer_changes(engine: Engine, name: str, now: Snapshot, since: int) -> None:
    """Offer the old and new images of the rows that changed after version `since`.

    A table without a change feed (a lookup: small, and replaced as a whole) offers all of both versions.
    """
    if since == now.version:
        engine.offer_table(name, now, where="FALSE")
    elif since < 0 or not _has_feed(now):
        engine.offer_table(f"before_{name}", Snapshot(now.uri, max(since, 0)))
        engine.offer_table(f"after_{name}", now)
        union = f"SELECT * FROM before_{name} UNION ALL BY NAME SELECT * FROM after_{name}"
        engine.execute(f"CREATE OR REPLACE VIEW {name} AS {union}")
    else:
        engine.offer_feed(name, now, since)


def offer_additions(engine: Engine, name: str, now: Snapshot, since: int) -> bool:
    """Offer the rows that came after version `since`; return False where others changed or went, or it cannot be told."""
    if not 0 <= since < now.version or not _has_feed(now) or now.replaced_since(since):
        return False
    feed = f"feed_{name}"
    engine.offer_feed(feed, now, since)
    columns = ", ".join(engine.dialect.identifier(column) for column in column_names(now.open()))
    engine.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} FROM {feed}")
    return not engine.execute(f"SELECT 1 FROM {feed} WHERE _change_type <> 'insert' LIMIT 1")


def offer_signed(engine: Engine, name: str, now: Snapshot, since: int) -> None:
    """Offer the rows that came and went after version `since`, all rows where it is negative.

    `_sign` is 1 for a row as it is now and -1 for one as it was.
    """
    if since < 0 or since == now.version:
        source, sign = f"rows_{name}", "1"
        engine.offer_table(source, now, where="TRUE" if since < 0 else "FALSE")
    else:
        source, sign = (
            f"feed_{name}",
            "CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 1 ELSE -1 END",
        )
        engine.offer_feed(source, now, since)
    engine.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT *, {sign} AS _sign FROM {source}")


def _has_feed(table: Snapshot) -> bool:
    return CHANGE_FEED.items() <= table.open().metadata().configuration.items()
