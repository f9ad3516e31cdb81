"""Duplicates that become one row: `strategy: merge`, each column in its own way.

A way chooses one of a key's values by an order of its own, so that the same row comes of any batches: the value of the latest or the first
row that has one, whose order Silver keeps beside it (`COLUMN_as_of`); the greatest, the least, the longest. Of equal orders the greater
value is chosen. A value that `flag` filled in counts as none.

    candidates, held → pooled → merged → completed ─┐
                       ranked ─────────────────────► exceptions
"""

from podium_contracts.pipeline import Dataset
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispositions import (
    ACCEPTED,
    BASE,
    DEDUPLICATED,
    DISPOSITION,
    INSERT,
    REPEATED,
    ROW_IDENTITY,
    STAGED,
    UNCHANGED,
    UPDATE,
)
from podium_lakehouse.cleansing.judging import tier
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import Dialect


def merge_statement(dataset: Dataset, dialect: Dialect, *, with_base: bool) -> exp.Select:
    """Return the statement that finds the accepted rows which are not simply inserted, as `outcome.exceptions_statement` does.

    The row that stands for a key, the latest of the batch, has `_merged` and the key's whole row as `_merged_COLUMN`.
    """
    build = _Merging(dataset, dialect)
    steps = build.steps(with_base=with_base)
    final = build.final(with_base=with_base)
    for name, step in steps.items():
        final.with_(name, as_=step, dialect=dialect.name, copy=False)
    return final


class _Merging:
    def __init__(self, dataset: Dataset, dialect: Dialect) -> None:
        self.dataset, self.dialect = dataset, dialect
        self.keys = [self._name(name) for name in dataset.duplicates.keys]
        self.order = self._name(dataset.duplicates.order[0])
        self.ways = names.merged_columns(dataset)
        self.written = [
            name for name in names.silver_columns(dataset) if name not in {"created_at", "updated_at"}
        ]
        content = {
            **names.business_columns(dataset),
            **names.as_of_columns(dataset),
            **names.judged_columns(dataset),
        }
        self.content = dialect.content_hash([(self._name(name), kind) for name, kind in content.items()])

    def steps(self, *, with_base: bool) -> dict[str, exp.Query]:
        """Return the steps up to the merged rows."""
        columns = [self._name(name) for name in self.written]
        again = f"{names.KEY_HASH} IN (SELECT {names.KEY_HASH} FROM {REPEATED})"
        same = " AND ".join(f"{STAGED}.{key} = {BASE}.{key}" for key in self.keys)
        known = f" OR EXISTS (SELECT 1 FROM {BASE} WHERE {same})" if with_base else ""
        ours = [*ROW_IDENTITY, *(self._name(name) for name in self.written if name not in ROW_IDENTITY)]
        steps: dict[str, exp.Query] = {
            "candidates": self._select(ours, STAGED, f"{ACCEPTED} AND ({again}{known})")
        }
        pooled = self._select(columns, "candidates")
        if with_base:
            steps["held"] = self._select(
                [*columns, f"{self.content} AS _content"],
                BASE,
                f"EXISTS (SELECT 1 FROM {STAGED} WHERE {same})",
            )
            steps["pooled"] = exp.union(pooled, self._select(columns, "held"), distinct=False)
        else:
            steps["pooled"] = pooled
        steps["merged"] = self._select(self._chosen(), "pooled").group_by(
            *self.keys, dialect=self.dialect.name
        )
        steps["valued"] = self._select(self._values(), "merged")
        steps["completed"] = self._select(self._completed(), "valued")
        newest = ", ".join(f"{name} DESC" for name in [self.order, self.content, *ROW_IDENTITY])
        rank = f"row_number() OVER (PARTITION BY {', '.join(self.keys)} ORDER BY {newest}) AS _rank"
        steps["ranked"] = self._select([*ROW_IDENTITY, *self.keys, rank], "candidates")
        return steps

    def _chosen(self) -> list[str]:
        """Of each key: for every column the chosen value, with its order where that decides."""
        chosen = [*self.keys, f"max({self.order}) AS {self.order}"]
        for name, way in self.ways.items():
            value, flag = self._name(name), names.null_flag(name)
            flagged = self.dataset.nulls.get(name)
            has_flag = flagged is not None and flagged.strategy == "flag"
            present = f"{value} IS NOT NULL" + (f" AND NOT {self._name(flag)}" if has_flag else "")
            by = {
                "latest": self._name(names.as_of(name)),
                "first": self._name(names.as_of(name)),
                "longest": f"length({value})",
            }.get(way, value)
            record = self.dialect.record([("o", by), ("v", value)])
            least = "min" if way in {"first", "min"} else "max"
            chosen.append(f"{least}(CASE WHEN {present} THEN {record} END) AS {self._name(f'_of_{name}')}")
            if has_flag:
                chosen.append(f"max({value}) AS {self._name(f'_filled_{name}')}")
                chosen.append(f"min({self._name(flag)}) AS {self._name(flag)}")
        remarks = [(column, f"coalesce({column}, '')") for column in names.quality_columns(self.dataset)]
        worst = self.dialect.record([("s", "quality_score"), *remarks])
        origin = self.dialect.record([("o", self.order), ("f", "source_file"), ("b", "ingestion_batch_id")])
        return [*chosen, f"min({worst}) AS _worst", f"max({origin}) AS _latest"]

    def _values(self) -> list[str]:
        """The chosen values out of what they were chosen with."""
        values = [*self.keys, self.order]
        for name, way in self.ways.items():
            of = self._name(f"_of_{name}")
            flagged = self.dataset.nulls.get(name)
            has_flag = flagged is not None and flagged.strategy == "flag"
            value = f"coalesce({of}.v, {self._name(f'_filled_{name}')})" if has_flag else f"{of}.v"
            values.append(f"{value} AS {self._name(name)}")
            if has_flag:
                values.append(self._name(names.null_flag(name)))
            if way in {"latest", "first"}:
                values.append(f"{of}.o AS {self._name(names.as_of(name))}")
        remarks = [f"nullif(_worst.{name}, '') AS {name}" for name in names.quality_columns(self.dataset)]
        return [
            *values,
            "_worst.s AS quality_score",
            *remarks,
            "_latest.f AS source_file",
            "_latest.b AS ingestion_batch_id",
        ]

    def _completed(self) -> list[str]:
        """The merged row with what is derived of it."""
        kinds = names.read_columns(self.dataset)
        made = []
        for name in self.written:
            column = self.dataset.columns.get(name)
            own = name in self.dataset.duplicates.keys or name in self.dataset.duplicates.order
            if column and column.expression and not own:
                lowered = compile_expression(column.expression, kinds, self.dialect).sql
                made.append(f"cast({lowered} AS {self.dialect.type_name(column.type)}) AS {self._name(name)}")
            elif name == "quality_tier":
                made.append(f"{tier(self.dialect)} AS quality_tier")
            else:
                made.append(self._name(name))
        return made

    def final(self, *, with_base: bool) -> exp.Select:
        """Return the rows of the batch that share a key with others: the first stands for all, as one row."""
        joined = " AND ".join(f"ranked.{key} = completed.{key}" for key in self.keys)
        met = " AND ".join(f"ranked.{key} = held.{key}" for key in self.keys)
        content = self._of("completed", self.content)
        against = (
            f"WHEN held.{self.keys[0]} IS NULL THEN {self._text(INSERT)} "
            f"WHEN held._content = {content} THEN {self._text(UNCHANGED)} ELSE {self._text(UPDATE)}"
            if with_base
            else f"ELSE {self._text(INSERT)}"
        )
        disposition = f"CASE WHEN _rank > 1 THEN {self._text(DEDUPLICATED)} {against} END AS {DISPOSITION}"
        identity = [f"ranked.{name} AS {name}" for name in ROW_IDENTITY]
        row = [f"completed.{self._name(name)} AS {self._name(names.merged(name))}" for name in self.written]
        select = self._select([*identity, disposition, "(_rank = 1) AS _merged", *row], "ranked")
        select = select.join("completed", on=joined, dialect=self.dialect.name)
        return (
            select.join("held", on=met, join_type="left", dialect=self.dialect.name) if with_base else select
        )

    def _of(self, relation: str, sql: str) -> str:
        tree = self.dialect.build(sql)
        for column in tree.find_all(exp.Column):
            column.set("table", exp.to_identifier(relation))
        return self.dialect.statement(tree)

    def _text(self, value: str) -> str:
        return self.dialect.text(value)

    def _select(self, columns: list[str], relation: str, where: str = "") -> exp.Select:
        select = exp.select(*columns, dialect=self.dialect.name).from_(relation)
        return select.where(where, dialect=self.dialect.name) if where else select

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)
