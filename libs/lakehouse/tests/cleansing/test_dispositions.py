"""Law 3 for any batch: each row goes to one place, and the places add up."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

rows = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", " a", "", None]),
        "at": st.sampled_from(["1", "2", "x", None]),
        "x": st.sampled_from(["1", "-1", "1.5", None]),
        "town": st.sampled_from(["Bath", "BTH", "bath", None]),
    },
    optional={"_file": st.just("y.csv")},
)
corrupt = st.fixed_dictionaries(
    {
        **dict.fromkeys(["id", "at", "x", "town"], st.none()),
        "_corrupt_record": st.just("a,1"),
        "_corrupt_reason": st.just("missing columns"),
    }
)
batches = st.lists(rows | corrupt, min_size=1, max_size=8)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(first=batches, second=batches)
def test_dispositions_add_up_to_the_rows(
    cleanser: Any, first: Sequence[dict[str, str | None]], second: Sequence[dict[str, str | None]]
) -> None:
    """Rows in = rows of Silver + of quarantine + counted as dropped, duplicate, unchanged or late; none twice."""
    dataset = cleanser.dataset(
        columns={"x": {"type": "integer"}, "town": {"type": "string"}},
        nulls={"x": {"strategy": "drop"}, "town": {"strategy": "flag"}},
        standardise={"id": {"expression": "trim(id)"}, "town": {"lookup": "towns"}},
        rules={"positive": {"type": "range_check", "column": "x", "min": 0}},
    )
    held: dict[str, dict[str, Any]] = {}
    for batch in (first, second):
        done = cleanser.run(dataset, batch, base=[*held.values()])
        assert sum(done.counts.values()) == len(batch)
        assert len(done.silver) == done.counts.get("inserted", 0) + done.counts.get("updated", 0)
        assert len(done.quarantine) == done.counts.get("quarantined", 0)
        assert sum(done.dropped.values()) == done.counts.get("dropped", 0)
        assert all(refused["rules"] for refused in done.quarantine)
        assert all(json.loads(refused["raw"]) for refused in done.quarantine if not refused["reason"])
        assert len({refused["quarantine_id"] for refused in done.quarantine}) == len(done.quarantine)
        new = {row["id"]: row for row in done.silver}
        assert len(new) == len(done.silver)
        assert len(new.keys() & held.keys()) == done.counts.get("updated", 0)
        held |= new
