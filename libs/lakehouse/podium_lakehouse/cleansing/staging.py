"""The statement that types, completes, standardises, judges and scores every row of a batch, a CTE per step.

    source → schema → nulls → standardised → corrected → derived → rules → scored → staged

Where a dataset has custom steps it is two: one up to `standardised`, and one that goes on from what the steps make of it (`stepping.py`).
It reads only its own row (and the lookups), so it streams; what needs other rows, finding duplicates and comparing with what
Silver holds, is `outcome.py`, over the rows that this statement has staged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podium_contracts.errors import BadSource
from podium_contracts.names import standard_name, storable_name
from podium_contracts.pipeline import (
    FULL_SCORE,
    ColumnType,
    CustomLogic,
    Dataset,
    Deduction,
    Lookup,
    NullDeduction,
    RobustZScoreDeduction,
    Standardise,
)
from podium_contracts.pipeline.types import STRING
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.judging import Judging, lookup_relation, outside, tier
from podium_lakehouse.cleansing.moments import in_iso
from podium_lakehouse.expressions.compiler import compile_expression
from podium_lakehouse.expressions.dialects import Dialect

BRONZE = "bronze"
STANDARDISED = "standardised"
STEPPED = "stepped"
"""What staging goes on from where a dataset has custom steps."""
SCHEMAS = "new_schemas"
"""Rows of the history of schemas: the files whose rows go to quarantine."""
INCOMPATIBLE = "schema.incompatible-file"
"""What refuses them; no column has such a name."""
Selected = list[tuple[str, str]]
"""(alias, SQL text) pairs in the engine's dialect."""


def quarantines_schemas(dataset: Dataset) -> bool:
    """Whether the statement reads the relation of new schemas, too."""
    return dataset.on_schema_change == "quarantine"


def without_steps(dataset: Dataset) -> Dataset:
    """Return a dataset without its custom steps: for those who only look at what is run of statements."""
    return dataset.model_copy(update={"steps": {}}) if dataset.steps else dataset


def default_text(value: str | int) -> str:
    """Return a default value as the text that a source would hold."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def typed(dialect: Dialect, text: str, kind: ColumnType) -> str:
    """Return a text as a value of a type, null where it is none."""
    if kind == STRING:
        return text
    fits = dialect.matches_verbatim(text, kind.accepts or "")
    return f"CASE WHEN {fits} THEN {dialect.try_cast(f'trim({text})', kind)} END"


def staging_statement(
    dataset: Dataset, lookups: Mapping[str, Lookup], source_names: Mapping[str, str], dialect: Dialect
) -> exp.Select:
    """Return the statement over the relation `bronze`, or where the dataset has custom steps, over `stepped`.

    `source_names` maps Bronze's columns to the names they had in the source; those that Kafka fills need not be among them.

    Raises:
        BadSource: a declared column is nowhere in the source.
    """
    return _staging(dataset, lookups, source_names, dialect).statement()


def standardised_statement(
    dataset: Dataset, lookups: Mapping[str, Lookup], source_names: Mapping[str, str], dialect: Dialect
) -> exp.Select:
    """Return the statement over the relation `bronze` whose rows custom steps get, with a `_row_id`.

    Raises:
        BadSource: a declared column is nowhere in the source.
    """
    return _staging(dataset, lookups, source_names, dialect).standardised()


def _staging(
    dataset: Dataset, lookups: Mapping[str, Lookup], source_names: Mapping[str, str], dialect: Dialect
) -> "_Staging":
    known = _with_topics(dataset, source_names)
    return _Staging(dataset, lookups, bronze_columns(dataset, known), known, dialect)


def check_source(dataset: Dataset, source_names: Mapping[str, str]) -> None:
    """Check that each declared column that is read is somewhere in the source.

    Raises:
        BadSource: naming those that are not.
    """
    bronze_columns(dataset, _with_topics(dataset, source_names))


def _with_topics(dataset: Dataset, source_names: Mapping[str, str]) -> dict[str, str]:
    return {**source_names, **{name: name for name in names.topic_columns(dataset)}}


def bronze_columns(dataset: Dataset, source_names: Mapping[str, str]) -> dict[str, str]:
    """Return the Bronze column of every declared column that is read from the source.

    `from` names it as the source does, or as Bronze: `Customer ID` is `Customer_ID` where a schema allows no space.

    Raises:
        BadSource: naming each declared column that the source does not have.
    """
    found = known_columns(dataset, source_names)
    missing = [
        name for name, column in dataset.columns.items() if not column.expression and name not in found
    ]
    if missing:
        have = ", ".join(source_names.values()) or "none, as no row could be parsed"
        raise BadSource(
            f"the source has no column for {', '.join(missing)}; it has: {have}",
            hint="name the source's column with `from:` in the pipeline file",
        )
    return found


def known_columns(dataset: Dataset, source_names: Mapping[str, str]) -> dict[str, str]:
    """Return the Bronze column of every declared column that the source has."""
    exact = {stored: stored for stored in source_names} | {
        source: stored for stored, source in source_names.items()
    }
    standard = {standard_name(source): stored for stored, source in source_names.items()}
    found = {
        name: exact.get(column.source) or exact.get(storable_name(column.source))
        if column.source
        else standard.get(name)
        for name, column in dataset.columns.items()
        if not column.expression
    }
    return {name: stored for name, stored in found.items() if stored}


@dataclass(frozen=True)
class _Staging:
    dataset: Dataset
    lookups: Mapping[str, Lookup]
    stored: Mapping[str, str]
    source_names: Mapping[str, str]
    dialect: Dialect

    def statement(self) -> exp.Select:
        steps = {
            **({} if self.dataset.steps else self._before()),
            **({"corrected": self._corrected()} if self._judging.correcting else {}),
            "derived": self._derived(),
            "rules": self._rules(),
            "scored": self._scored(),
        }
        return self._chained(steps, self._select(self._staged(), "scored"))

    def standardised(self) -> exp.Select:
        steps = self._before()
        place = f"cast({self._name(names.ROW)} AS {self._string()})"
        identifier = f"concat_ws('|', source_file, ingestion_batch_id, {place})"
        selected = [(name, self._name(name)) for name in steps[STANDARDISED].named_selects]
        return self._chained(steps, self._select([*selected, (names.ROW_ID, identifier)], STANDARDISED))

    def _before(self) -> dict[str, exp.Select]:
        return {
            "source": self._source(),
            "schema": self._schema(),
            "nulls": self._nulls(),
            STANDARDISED: self._standardised(),
        }

    def _chained(self, steps: Mapping[str, exp.Select], final: exp.Select) -> exp.Select:
        for name, step in steps.items():
            final.with_(name, as_=step, dialect=self.dialect.name, copy=False)
        return final

    @property
    def _entry(self) -> str:
        """What corrections and derived columns are made of."""
        return STEPPED if self.dataset.steps else STANDARDISED

    def _source(self) -> exp.Select:
        kept = [*dict.fromkeys(self.stored.values()), *names.BRONZE_METADATA, *names.BRONZE_POSITION]
        if not quarantines_schemas(self.dataset):
            return self._select([(name, self._name(name)) for name in kept], BRONZE)
        reason = f"coalesce({BRONZE}.{names.CORRUPT_REASON}, _file._issues)"
        selected = [
            (name, reason if name == names.CORRUPT_REASON else f"{BRONZE}.{self._name(name)}")
            for name in kept
        ]
        return self._select(selected, BRONZE).join(
            f"(SELECT source_file AS _source, sequence AS _sequence, array_to_string(issues, '; ') AS _issues FROM {SCHEMAS}) AS _file",
            on=f"{BRONZE}.source_file = _file._source AND {BRONZE}.{names.BATCH} = _file._sequence",
            join_type="left",
            dialect=self.dialect.name,
        )

    def _schema(self) -> exp.Select:
        selected: Selected = []
        for name, stored in self.stored.items():
            kind, held = self.dataset.columns[name].type, self._name(stored)
            if self._is_read(name):
                text = in_iso(self.dialect, self.dataset, name, held)
                selected += [(name, typed(self.dialect, text, kind)), (f"_text_{name}", held)]
            else:
                selected.append((name, held))
        raw = [
            (self.source_names[member], self._as_text(member))
            for member in dict.fromkeys(self.stored.values())
        ]
        selected.append((names.RAW, self.dialect.record(raw)))
        return self._select([*selected, *self._carried()], "source")

    def _is_read(self, name: str) -> bool:
        """Whether Bronze holds a column's values as text, to be read as another type."""
        kind, stored = self.dataset.columns[name].type, self.stored[name]
        return kind != STRING and stored not in names.KAFKA_METADATA

    def _as_text(self, stored: str) -> str:
        kind = names.KAFKA_METADATA.get(stored, STRING)
        return self._name(stored) if kind == STRING else self.dialect.canonical(self._name(stored), kind)

    def _nulls(self) -> exp.Select:
        selected: Selected = []
        for name in self.stored:
            column = self._name(name)
            if self._is_read(name):
                text = self._name(f"_text_{name}")
                selected.append((f"_unreadable_{name}", f"({text} IS NOT NULL AND {column} IS NULL)"))
            if name in self._watched_nulls():
                selected.append((f"_null_{name}", f"({column} IS NULL)"))
            selected.append((name, self._filled(name, column)))
        select = self._select([*selected, (names.RAW, names.RAW), *self._carried()], "schema")
        return self._with_fillings(select)

    def _with_fillings(self, select: exp.Select) -> exp.Select:
        """The rows with what other rows of their file fill in."""
        filled = [
            names.fill(name) for name, rule in self.dataset.nulls.items() if rule.strategy == "interpolate"
        ]
        if not filled:
            return select
        identity = {"source_file": "_file", "ingestion_batch_id": "_from", names.ROW: "_place"}
        renamed = [f"{name} AS {alias}" for name, alias in identity.items()]
        columns = ", ".join([*renamed, *map(self._name, filled)])
        return select.join(
            f"(SELECT {columns} FROM {names.FILLED}) AS fillings",
            on=" AND ".join(f"{name} = {alias}" for name, alias in identity.items()),
            join_type="left",
            dialect=self.dialect.name,
        )

    def _watched_nulls(self) -> set[str]:
        deductions = self.dataset.scoring.deductions.values()
        scored = {item.column for item in deductions if isinstance(item, NullDeduction)}
        handled = {name for name, rule in self.dataset.nulls.items() if rule.strategy != "default"}
        return (scored | handled) & set(self.stored)

    def _filled(self, name: str, column: str) -> str:
        rule, kind = self.dataset.nulls.get(name), self.dataset.columns[name].type
        values = [self._name(names.fill(name))] if rule and rule.strategy == "interpolate" else []
        if (given := rule.default(kind) if rule else None) is not None:
            value = self.dialect.text(default_text(given))
            values.append(value if kind == STRING else self.dialect.try_cast(f"trim({value})", kind))
        if not values:
            return column
        default = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
        if not self._is_read(name):
            return f"coalesce({column}, {default})"
        return f"CASE WHEN {self._name(f'_text_{name}')} IS NULL THEN {default} ELSE {column} END"

    def _standardised(self) -> exp.Select:
        selected: Selected = []
        joins: list[str] = []
        for name in self.stored:
            rule, column = self.dataset.standardise.get(name), self._name(name)
            if rule is None:
                selected.append((name, f"nulls.{column}"))
            elif rule.expression:
                selected.append((name, self._computed(rule.expression, self.dataset.columns[name].type)))
            else:
                joins.append(name)
                selected += self._looked_up(name, rule)
        select = self._select([*selected, *self._flags("nulls."), *self._kept("nulls.")], "nulls")
        for name in joins:
            lookup = self.dataset.standardise[name].lookup or ""
            alias = self._name(f"_lookup_{name}")
            key, value = self._name(self.lookups[lookup].key), self._name(self.lookups[lookup].value)
            select = select.join(
                f"(SELECT {key} AS _key, nullif({value}, '') AS _value FROM {lookup_relation(lookup)}) AS {alias}",
                on=f"nulls.{self._name(name)} = {alias}._key",
                join_type="left",
                dialect=self.dialect.name,
            )
        return select

    def _looked_up(self, name: str, rule: Standardise) -> Selected:
        column = f"nulls.{self._name(name)}"
        value = f"{self._name(f'_lookup_{name}')}._value"
        selected = [(name, f"coalesce({value}, {column})")]
        if rule.missing == "quarantine":
            selected.append((f"_unknown_{name}", f"({column} IS NOT NULL AND {value} IS NULL)"))
        return selected

    def _computed(self, expression: str, kind: ColumnType) -> str:
        lowered = compile_expression(expression, self._read_types(), self.dialect)
        return f"cast({lowered.sql} AS {self.dialect.type_name(kind)})"

    @property
    def _judging(self) -> Judging:
        return Judging(self.dataset, self.lookups, self.dialect)

    def _corrected(self) -> exp.Select:
        """The values that rules correct, and a mark for each that has: what is derived is made of corrected values."""
        selected = {name: self._name(name) for name in self.stored}
        marks: Selected = []
        for column, value, applied in self._judging.corrections():
            selected[column] = value
            marks += [(f"_corrected_{rule}", f"({condition})") for rule, condition in applied]
        columns = [*selected.items(), *marks, *self._flags(), *self._unknown(), *self._kept()]
        select = self._select(columns, self._entry)
        return self._judging.joined(select, self._entry, self._judging.correcting)

    def _derived(self) -> exp.Select:
        selected: Selected = []
        for name, column in self.dataset.columns.items():
            if column.expression:
                selected.append((name, self._computed(column.expression, column.type)))
            else:
                selected.append((name, self._name(name)))
        marks = [
            (f"_corrected_{rule}", self._name(f"_corrected_{rule}")) for rule in self._judging.correcting
        ]
        columns = [*selected, *marks, *self._flags(), *self._unknown(), *self._kept()]
        return self._select(columns, "corrected" if marks else self._entry)

    def _rules(self) -> exp.Select:
        corrupt = f"{self._name(names.CORRUPT_RECORD)} IS NOT NULL"
        broken = [(condition, rule) for rule, condition in self._conditions().items()]
        whole = [condition for condition, _ in broken]
        refused = " OR ".join([corrupt, *whole])
        listed = self.dialect.list_of([(corrupt, "csv.corrupt"), *broken])
        dropped = " ".join(
            f"WHEN {mark} THEN {self.dialect.text(name)}" for name, mark in self._dropping().items()
        )
        dropped_by = f"CASE {dropped} END" if dropped else "NULL"
        selected: Selected = [(name, self._name(name)) for name in self._business()]
        selected += [
            (names.REFUSED, f"({refused})"),
            (names.RULES, f"CASE WHEN {refused} THEN {listed} END"),
            (names.DROPPED_BY, f"CASE WHEN NOT ({refused}) THEN cast({dropped_by} AS {self._string()}) END"),
        ]
        selected += self._remarks()
        select = self._select([*selected, *self._kept()], "derived")
        return self._judging.joined(select, "derived", self.dataset.rules)

    def _remarks(self) -> Selected:
        """The rules that a row broke and stays, and those that corrected it."""
        rules = self.dataset.rules
        broken = {
            name: f"coalesce({self._judging.broken(name, rule)}, FALSE)" for name, rule in rules.items()
        }
        remarks = {
            names.QUALITY_WARNINGS: {
                name: broken[name] for name, rule in rules.items() if rule.on_failure == "warn"
            },
            names.QUALITY_CORRECTIONS: {
                name: f"({self._name(f'_corrected_{name}')} AND NOT {broken[name]})"
                for name in self._judging.correcting
            },
        }
        return [(title, self._listed(marked)) for title, marked in remarks.items() if marked]

    def _listed(self, marked: Mapping[str, str]) -> str:
        """Return the names whose condition holds, with commas between them; null where none does."""
        texts = [
            f"CASE WHEN {condition} THEN {self.dialect.text(name)} END" for name, condition in marked.items()
        ]
        return f"nullif(concat_ws(',', {', '.join(texts)}), '')"

    def _conditions(self) -> dict[str, str]:
        """Each rule's id and the condition under which a row breaks it; never null."""
        intact = f"{self._name(names.CORRUPT_RECORD)} IS NULL"
        conditions: dict[str, str] = {}
        if quarantines_schemas(self.dataset):
            reason = self._name(names.CORRUPT_REASON)
            conditions[INCOMPATIBLE] = f"({intact} AND {reason} IS NOT NULL)"
        for name in self.stored:
            if self._is_read(name):
                conditions[f"schema.{name}"] = self._name(f"_unreadable_{name}")
            rule = self.dataset.standardise.get(name)
            if rule and rule.lookup and rule.missing == "quarantine":
                conditions[f"lookup.{name}"] = self._name(f"_unknown_{name}")
        conditions |= {f"step.{name}": self._name(names.step_mark(name)) for name in self.dataset.steps}
        conditions |= self._broken()
        required = dict.fromkeys([*self.dataset.duplicates.keys, *self.dataset.duplicates.order])
        dropping = self._dropping()
        for name in required:
            expected = f" AND NOT {dropping[name]}" if name in dropping else ""
            conditions[f"key.{name}"] = f"({self._name(name)} IS NULL AND {intact}{expected})"
        return conditions | self._unevaluated(conditions)

    def _dropping(self) -> dict[str, str]:
        """The columns whose null drops a row, and the mark of a row that has it."""
        return {
            name: self._name(f"_null_{name}")
            for name, rule in self.dataset.nulls.items()
            if rule.strategy == "drop"
        }

    def _broken(self) -> dict[str, str]:
        """The declared rules that refuse a row which breaks them. One that fails the stage does not, for a row that is dropped."""
        dropped = " OR ".join(self._dropping().values()) or "FALSE"
        conditions: dict[str, str] = {}
        for name, rule in self.dataset.rules.items():
            broken = f"coalesce({self._judging.broken(name, rule)}, FALSE)"
            if rule.on_failure != "warn":
                fails = rule.on_failure == "fail"
                conditions[names.rule_id(name)] = f"({broken} AND NOT ({dropped}))" if fails else broken
        return conditions

    def _unevaluated(self, conditions: Mapping[str, str]) -> dict[str, str]:
        """The required rules that say nothing of a row which is neither refused nor dropped, with that condition."""
        gone = " OR ".join([*conditions.values(), *self._dropping().values()]) or "FALSE"
        return {
            f"{names.UNEVALUATED}{name}": f"({self._judging.unevaluated(rule)} AND NOT ({gone}))"
            for name, rule in self.dataset.rules.items()
            if isinstance(rule, CustomLogic) and rule.required
        }

    def _scored(self) -> exp.Select:
        points = [self._deducted(item) for item in self.dataset.scoring.deductions.values()]
        kind = self.dialect.type_name(names.SCORE_TYPE)
        wide = self.dialect.type_name(ColumnType.decimal(10, 1))
        sum_ = " - ".join([f"cast({FULL_SCORE} AS {wide})", *points])
        selected: Selected = [(name, self._name(name)) for name in self._business()]
        selected.append(("quality_score", f"cast(greatest({sum_}, cast(0 AS {wide})) AS {kind})"))
        if self.dataset.scoring.details:
            applied = {name: self._applies(item) for name, item in self.dataset.scoring.deductions.items()}
            selected.append(
                (
                    names.QUALITY_DETAILS,
                    self._listed(applied) if applied else f"cast(NULL AS {self._string()})",
                )
            )
        remarks = set(names.quality_columns(self.dataset)) - {names.QUALITY_DETAILS}
        judged = [(name, name) for name in (names.REFUSED, names.RULES, names.DROPPED_BY, *sorted(remarks))]
        return self._select([*selected, *judged, *self._kept()], "rules")

    def _deducted(self, item: Deduction) -> str:
        wide = self.dialect.type_name(ColumnType.decimal(10, 1))
        points = f"cast({item.deduction:f} AS {wide})"
        return f"CASE WHEN {self._applies(item)} THEN {points} ELSE cast(0 AS {wide}) END"

    def _applies(self, item: Deduction) -> str:
        column = self._name(item.column)
        if isinstance(item, NullDeduction):
            watched = item.column in self.stored
            return self._name(f"_null_{item.column}") if watched else f"{column} IS NULL"
        if isinstance(item, RobustZScoreDeduction):
            scale = self.dataset.columns[item.column].type.scale
            return outside(column, *item.bounds(scale))
        return outside(column, item.min_value, item.max_value)

    def _staged(self) -> Selected:
        keys = [self._name(name) for name in self.dataset.duplicates.keys]
        refused = self._name(names.REFUSED)
        return [
            *((name, self._name(name)) for name in names.business_columns(self.dataset)),
            *self._moments(),
            ("quality_score", "quality_score"),
            ("quality_tier", tier(self.dialect)),
            *((name, name) for name in names.quality_columns(self.dataset)),
            ("source_file", "source_file"),
            ("ingestion_batch_id", "ingestion_batch_id"),
            (names.ROW, self._name(names.ROW)),
            (
                names.KEY_HASH,
                self.dialect.row_hash(keys or ["source_file", "ingestion_batch_id", self._name(names.ROW)]),
            ),
            (names.REFUSED, refused),
            (names.RULES, self._name(names.RULES)),
            (names.DROPPED_BY, self._name(names.DROPPED_BY)),
            (names.RAW, f"CASE WHEN {refused} THEN {self._raw_text()} END"),
            (names.CORRUPT_REASON, f"CASE WHEN {refused} THEN {self._name(names.CORRUPT_REASON)} END"),
        ]

    def _moments(self) -> Selected:
        """Of columns that are merged by order: the order of the row that has the value."""
        found: Selected = []
        for name, kind in names.as_of_columns(self.dataset).items():
            column = name.removesuffix(names.AS_OF)
            rule = self.dataset.nulls.get(column)
            flagged = (
                f" AND NOT {self._name(names.null_flag(column))}" if rule and rule.strategy == "flag" else ""
            )
            order = self._name(self.dataset.duplicates.order[0])
            present = f"{self._name(column)} IS NOT NULL{flagged}"
            found.append(
                (
                    name,
                    f"CASE WHEN {present} THEN {order} ELSE cast(NULL AS {self.dialect.type_name(kind)}) END",
                )
            )
        return found

    def _raw_text(self) -> str:
        """The line that does not parse, or the source columns as JSON: made late, because few rows are refused."""
        corrupt, raw = self._name(names.CORRUPT_RECORD), self._name(names.RAW)
        return f"coalesce({corrupt}, {self.dialect.json_object(raw)})"

    def _business(self) -> list[str]:
        nulls = [f"_null_{name}" for name in sorted(self._watched_nulls())]
        return [*names.business_columns(self.dataset), *nulls]

    def _flags(self, table: str = "") -> Selected:
        """The null flags, and the marks they are made of."""
        marks = sorted(self._watched_nulls())
        flags = [name for name, rule in self.dataset.nulls.items() if rule.strategy == "flag"]
        source = "_null_" if table else ""
        made = [
            (names.null_flag(name), table + self._name(source + name if table else names.null_flag(name)))
            for name in flags
        ]
        return [*made, *((f"_null_{name}", table + self._name(f"_null_{name}")) for name in marks)]

    def _unknown(self) -> Selected:
        """The marks of values that a lookup does not know, or a custom step has made null."""
        unknown = [
            f"_unknown_{name}"
            for name, rule in self.dataset.standardise.items()
            if rule.lookup and rule.missing == "quarantine"
        ]
        steps = map(names.step_mark, self.dataset.steps)
        return [(name, self._name(name)) for name in [*unknown, *steps]]

    def _kept(self, table: str = "") -> Selected:
        """What a row carries beside its business columns from the nulls step on."""
        unreadable = [f"_unreadable_{name}" for name in self.stored if self._is_read(name)]
        return [(name, table + self._name(name)) for name in [*unreadable, names.RAW, *self._position()]]

    def _carried(self) -> Selected:
        return [(name, self._name(name)) for name in self._position()]

    @staticmethod
    def _position() -> list[str]:
        return [
            "source_file",
            "ingestion_batch_id",
            names.ROW,
            names.CORRUPT_RECORD,
            names.CORRUPT_REASON,
        ]

    def _read_types(self) -> dict[str, ColumnType]:
        return {name: self.dataset.columns[name].type for name in self.stored}

    def _string(self) -> str:
        return self.dialect.type_name(STRING)

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)

    def _select(self, selected: Iterable[tuple[str, str]], relation: str) -> exp.Select:
        parts = [exp.alias_(self.dialect.build(sql), alias, quoted=True) for alias, sql in selected]
        return exp.select(*parts).from_(relation)
