"""The text of a first pipeline file: what was seen is declared, what is for a person to decide is there to be uncommented."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from podium.beginning.profile import Profile, Seen

ROW_KEY = "row_id"
"""The column that tells rows apart where nothing in the files does."""


def pipeline_text(name: str, profiles: Sequence[Profile], home: Path) -> str:
    """Return a pipeline file."""
    lines = [
        "# Written by `podium init` from what the files hold. It runs as it is:",
        "#   podium run        brings the files through Bronze and Silver to Gold; again, only what is new",
        "#   podium validate   checks this file after a change",
        "# What has a # and no space after it is an example from your data: take the # away to use it.",
        "apiVersion: podium.dev/v1alpha1",
        "kind: Pipeline",
        "metadata:",
        f"  name: {name}",
        "spec:",
        '  #owner: "who answers for these tables"',
        "  lakehouse: {uri: ./lakehouse}",
        "",
        "  datasets:",
    ]
    for profile in profiles:
        lines += _dataset(profile, home)
    lines += ["  # The dbt project whose models make Gold from Silver.", "  model: {dbt: dbt}", ""]
    lines += _quality(profiles)
    lines += [
        "",
        "  # Gold in one file for other tools.",
        "  publish:",
        f"    duckdb: {{path: {name}.duckdb}}",
    ]
    return "\n".join(lines) + "\n"


def keys_of(profile: Profile) -> tuple[str, ...]:
    """Return the columns that tell a dataset's rows apart in Silver."""
    return profile.keys or (row_key(profile),)


def row_key(profile: Profile) -> str:
    """Return the name of the column that is made to tell rows apart."""
    return ROW_KEY if all(column.name != ROW_KEY for column in profile.columns) else f"{ROW_KEY}_hash"


def _dataset(profile: Profile, home: Path) -> Iterator[str]:
    looked = "" if profile.files == len(profile.group.files) else f" in the first {profile.files} of them"
    yield f"    # {len(profile.group.files)} file(s), {profile.rows:,} rows{looked}"
    if profile.corrupt:
        yield f"    # {profile.corrupt:,} lines do not parse: they are kept, and go to quarantine"
    yield f"    {profile.group.name}:"
    yield "      sources:"
    for source in profile.group.sources(home):
        yield f"        - files: {_flow(source['files'])}"
    yield ""
    yield "      # A file that lacks a column, or has text for numbers: evolve takes it, quarantine keeps it out of Silver, refuse stops."
    yield "      #on_schema_change: quarantine"
    yield ""
    yield "      columns:"
    if not profile.keys:
        hashed = ", ".join(column.name for column in profile.columns)
        yield "        # No column, nor two together, tell all rows apart: equal rows count once."
        yield f"        {row_key(profile)}: {{type: string, expression: {_quoted(f'content_hash({hashed})')}}}"
    for column in profile.columns:
        yield from _column(column)
    yield ""
    yield "      # What makes two rows the same thing, and which of them stays: the last by `order`."
    order = f", order: [{', '.join(profile.order)}]" if profile.order else ""
    yield f"      duplicates: {{keys: [{', '.join(keys_of(profile))}]{order}}}"
    yield ""
    yield from _nulls(profile)
    yield from _rules(profile)


def _column(column: Seen) -> Iterator[str]:
    empty = "no value in any row" if column.empty else f"{column.nulls:,} empty" if column.nulls else ""
    said = "; ".join(filter(None, (empty, column.oddly and f"text here: {column.oddly}")))
    form = f", timestamp_format: {_quoted(column.form)}" if column.form else ""
    start = f"        {column.name}: {{from: {_quoted(column.source)}, type: {_type(column)}{form}}}"
    yield f"{start}  # {said}" if said else start


def _nulls(profile: Profile) -> Iterator[str]:
    gaps = [column for column in profile.columns if column.nulls and not column.empty]
    if not gaps:
        return
    yield "      # What happens where a value is missing: `flag` says so in a column of its own; also `default` and `drop`."
    yield "      #nulls:"
    yield from (f"        #{column.name}: {{strategy: flag}}" for column in gaps)
    yield ""
    yield "      # Points off the 100 of a row's quality score."
    yield "      #scoring:"
    yield "        #deductions:"
    yield from (
        f"          #{_short(f'no_{column.name}')}: {{condition: is_null, column: {column.name}, deduction: 10}}"
        for column in gaps
    )
    yield ""


def _rules(profile: Profile) -> Iterator[str]:
    ranged = [column for column in profile.amounts if column.low is not None and column.high is not None]
    if not ranged:
        return
    yield "      # A row that breaks a rule goes to quarantine, with the rule's name. These bounds are those of your files."
    yield "      #rules:"
    for column in ranged:
        assert column.low is not None
        low = "0" if column.low >= 0 else f"{column.low:f}"
        yield f"        #{_short(f'{column.name}_range')}: {{type: range_check, column: {column.name}, min: {low}, max: {column.high:f}}}"
    yield ""


def _quality(profiles: Sequence[Profile]) -> Iterator[str]:
    yield "  # A batch below a bound is marked `warned`; below a CRITICAL one `failed`: then it is held back until someone acts."
    yield "  #quality:"
    yield "    #thresholds:"
    for profile in profiles:
        yield f"      #{profile.group.name}:"
        yield "        #average_quality_score: {type: minimum, value: 90}"
        if len(keys_of(profile)) == 1:
            yield f"        #{keys_of(profile)[0]}_uniqueness: {{type: minimum, value: 100, severity: CRITICAL}}"
        for column in profile.columns:
            if column.nulls and not column.empty and profile.rows:
                complete = int(100 * (profile.rows - column.nulls) / profile.rows)
                yield f"        #{column.name}_completeness: {{type: minimum, value: {complete}}}"


def _short(name: str) -> str:
    return name[:63].rstrip("_")


def _type(column: Seen) -> str:
    text = str(column.type)
    return _quoted(text) if "(" in text else text


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _flow(value: object) -> str:
    """Return a value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    plain = text.replace("_", "").isalnum() and text.isascii() and not text.isdigit()
    return text if plain else _quoted(text)
