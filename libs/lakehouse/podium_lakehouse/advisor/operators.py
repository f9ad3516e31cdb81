"""A physical plan as the advisor sees it, whichever engine made it: a tree of operators."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Join(StrEnum):
    """How an engine joins."""

    BROADCAST_HASH = "broadcast hash"
    """One side is sent whole to every task."""
    SHUFFLED_HASH = "shuffled hash"
    """Both sides are moved by the key; the smaller is hashed."""
    HASH = "hash"
    """One side is hashed; nothing is moved, on one machine."""
    SORT_MERGE = "sort merge"
    """Both sides are sorted by the key, in a cluster after being moved by it."""
    NESTED_LOOP = "nested loop"
    """Every row of one side meets every row of the other."""
    AS_OF = "as of"
    """Both sides are sorted; a row meets the nearest one of the other side, as the newest that is not later."""
    POSITIONAL = "positional"
    """The first row of one side meets the first of the other, and so on."""


@dataclass(frozen=True)
class Scan:
    """What an operator reads of a table, as far as its plan knows; `table` is empty where these are no table's files, and `a or b` where it may be either's."""

    table: str = ""
    partition_columns: tuple[str, ...] = ()
    partition_filters: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    """Conditions on other columns."""
    files_read: int | None = None
    files_total: int | None = None
    groups_read: int | None = None
    groups_total: int | None = None
    """Row groups: known of a plan that was run."""
    either: tuple["Scan", ...] = ()
    """Where it may be of several tables: what it would be of each."""

    @property
    def leaves_out(self) -> bool:
        """Whether files are left out unread."""
        known = self.files_read is not None and self.files_total is not None
        return bool(self.partition_filters) or (known and (self.files_read or 0) < (self.files_total or 0))


@dataclass(frozen=True)
class Operator:
    """An operator with what it takes its rows from. Rows and bytes are those of a run, None where it was not run."""

    name: str
    """As the engine calls it."""
    detail: str = ""
    join: Join | None = None
    scan: Scan | None = None
    is_exchange: bool = False
    """Whether it moves rows between tasks by a key; a broadcast does not."""
    is_single: bool = False
    """Whether it makes one row at most, whatever the tables hold, as a sum without groups does."""
    rows: int | None = None
    partition_bytes: tuple[int, ...] = ()
    """Of an exchange that was run: what each task gets."""
    spilled_bytes: int = 0
    split_for_skew: bool = False
    """Whether the engine met tasks with much more rows than others and split them."""
    inputs: tuple["Operator", ...] = field(default=())

    def walk(self) -> Iterator["Operator"]:
        """Yield the operator and all below it."""
        yield self
        for operator in self.inputs:
            yield from operator.walk()


@dataclass(frozen=True)
class Plan:
    """A physical plan; `spilled_bytes` is what a run of it wrote to disk beside its operators' own."""

    engine: str
    root: Operator
    was_run: bool = False
    spilled_bytes: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the plan as people read it, a line for each operator, below and to the right of what takes its rows."""
        yield from _lines(self.root, 0)


def _lines(operator: Operator, depth: int) -> Iterator[str]:
    rows = f", {operator.rows:,} rows" if operator.rows is not None else ""
    words = [operator.name, operator.scan.table if operator.scan else "", operator.detail]
    yield f"{'  ' * depth}{' '.join(word for word in words if word)}{rows}"
    for each in operator.inputs:
        yield from _lines(each, depth + 1)
