"""What was counted of a batch, in the one pass over it: rows by disposition, dropped ones by rule, and what each rule found."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from podium_contracts.events.v1 import RuleCount, Validation
from podium_contracts.pipeline import Dataset

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome

CORRUPT = "csv.corrupt"
"""The id under which a line or message is refused that does not parse; no rule has looked at it."""

FUZZY = "duplicates.fuzzy"
"""The id under which rows are counted that were not compared with others, because their block is too large."""


@dataclass(frozen=True)
class Counts:
    """Rows by disposition, and the dropped ones and the broken rules by their ids."""

    by: Counter[str]
    dropped: dict[str, int]
    refused: Counter[str]
    warned: Counter[str]
    corrected: Counter[str]

    @classmethod
    def of(cls, rows: Iterable[tuple[object, ...]]) -> "Counts":
        """Return the counts that the rows of `Dispatch.counts` make."""
        found = cls(Counter(), {}, Counter(), Counter(), Counter())
        for disposition, dropped_by, rules, warnings, corrections, count in rows:
            number = int(str(count))
            found.by[str(disposition)] += number
            if disposition == outcome.DROPPED:
                title = f"nulls.{dropped_by}"
                found.dropped[title] = found.dropped.get(title, 0) + number
            _add(found.refused, rules, number)
            _add(found.warned, warnings, number)
            _add(found.corrected, corrections, number)
        return found

    def __getitem__(self, disposition: str) -> int:
        return self.by[disposition]

    def validation(
        self,
        dataset: Dataset,
        skipped: Collection[str] = (),
        uncompared: int = 0,
        replayed: Mapping[str, int] = MappingProxyType({}),
    ) -> Validation:
        """Return what the rules found; `skipped` ones have looked at no row, and `uncompared` rows are in blocks that are too large.

        `replayed` is how many rows each rule had refused before, by its id.
        """
        evaluated = self.by.total() - self.refused[CORRUPT]
        declared = [
            RuleCount(
                rule=names.rule_id(name),
                on_failure=rule.on_failure,
                evaluated=0 if name in skipped else evaluated,
                broken=self.refused[names.rule_id(name)] + self.warned[name] + self.corrected[name],
                corrected=self.corrected[name],
                warned=self.warned[name],
                replayed=replayed.get(names.rule_id(name), 0),
            )
            for name, rule in dataset.rules.items()
        ]
        own = {count.rule for count in declared}
        fuzzy = RuleCount(
            rule=FUZZY, on_failure="warn", evaluated=evaluated, broken=uncompared, warned=uncompared
        )
        others = [
            RuleCount(
                rule=rule,
                on_failure="quarantine",
                evaluated=self.by.total() if rule == CORRUPT else evaluated,
                broken=broken,
                replayed=replayed.get(rule, 0),
            )
            for rule, broken in sorted(self.refused.items())
            if rule not in own
        ]
        everything = self.by.total()
        passed = everything - self.by[outcome.QUARANTINED]
        return Validation(
            evaluated=everything,
            passed=passed,
            rules=(*declared, *([fuzzy] if dataset.duplicates.fuzzy else []), *others),
        )


def _add(counter: Counter[str], named: object, number: int) -> None:
    """Count rows under each of the names: a list, or a text with commas between them; null is none."""
    listed = named.split(",") if isinstance(named, str) else named if isinstance(named, Sequence) else []
    for name in listed:
        counter[str(name)] += number
