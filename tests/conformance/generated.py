"""Well-typed expressions of the closed list, and patterns of the shared kind, as hypothesis strategies."""

from typing import Literal

from hypothesis import strategies as st

Kind = Literal["text", "number", "truth", "date", "timestamp"]
_PATTERNS = ["[a-z]+", "^.", ".$", r"\s|\d", "(a|b)+c?", "[^a-zA-Z]", r"\w{1,3}?", "ß|ẞ", r"\$[0-9]"]
_COLUMNS: dict[Kind, list[str]] = {
    "text": ["s", "t"],
    "number": ["i", "b", "d", "f", "h", "w"],
    "truth": ["x"],
    "date": ["y"],
    "timestamp": ["z"],
}
_LITERALS: dict[Kind, list[str]] = {
    "text": ["''", "'a'", "'it''s'", "'ß'", "'😀'", "'\\'", "'${x}'", "'\n'", "' '"],
    "number": ["0", "1", "-1", "0.5", "-0.001", "7.", "999999999999999999", "1000000000000000000", "0.10"],
    "truth": ["true", "false"],
    "date": ["date '2024-02-29'", "date '0001-01-01'"],
    "timestamp": ["timestamp '2009-12-01 07:45Z'", "timestamp '2024-02-29T23:59:59.999999'"],
}
_TEXTS = st.sampled_from(["''", "'a'", "'ß'", "'_'", "'. '"])
_KINDS: list[Kind] = ["text", "number", "truth", "date", "timestamp"]


def expressions() -> st.SearchStrategy[str]:
    """Return expressions of any type; some may need more digits than there are."""
    return st.sampled_from(_KINDS).flatmap(lambda kind: _of(kind, 3))


def _of(kind: Kind, depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(_COLUMNS[kind] * 2 + _LITERALS[kind])
    return leaf if depth == 0 else st.one_of(leaf, _any_kind(kind, depth - 1), _own_kind(kind, depth - 1))


def _any_kind(kind: Kind, depth: int) -> st.SearchStrategy[str]:
    """Return what every type has: coalesce, nullif, CASE."""
    one, other, truth = _of(kind, depth), _of(kind, depth), _of("truth", depth)
    return st.one_of(
        _filled("coalesce({}, {})", one, other),
        _filled("nullif({}, {})", one, other),
        _filled("case when {} then {} else {} end", truth, one, other),
        _filled("case when {} then {} when {} then null end", truth, one, truth),
    )


def _own_kind(kind: Kind, depth: int) -> st.SearchStrategy[str]:
    text, number, truth = (_of(name, depth) for name in ("text", "number", "truth"))
    dated = st.sampled_from(["date", "timestamp"]).flatmap(lambda name: _of(name, depth))  # type: ignore[arg-type]
    anything = st.sampled_from(_KINDS).flatmap(lambda name: _of(name, depth))
    pattern = st.sampled_from(_PATTERNS).map("'{}'".format)
    place = st.integers(1, 6).map(str)
    if kind == "text":
        return st.one_of(
            *(_filled(name + "({})", text) for name in ("upper", "lower", "trim")),
            _filled("substring({}, {}, {})", text, place, place),
            _filled("replace({}, {}, {})", text, _TEXTS, _TEXTS),
            _filled("regexp_replace({}, {}, {})", text, pattern, _TEXTS),
            _filled("({} || {})", text, text),
            _filled("cast({} as string)", anything),
            _filled("content_hash({}, {})", anything, anything),
        )
    if kind == "number":
        return st.one_of(
            *(_filled("({} " + operator + " {})", number, number) for operator in "+-*"),
            *(_filled(name + "({})", number) for name in ("-", "abs")),
            *(_filled(name + "({})", dated) for name in ("year", "month", "day", "hour")),
            _filled("length({})", text),
            _filled("levenshtein({}, {})", text, text),
            _filled("similarity({}, {})", text, text),
            _filled("hash60({}, {})", anything, text),
        )
    if kind == "truth":
        same = st.sampled_from(_KINDS).flatmap(lambda name: st.tuples(*[_of(name, depth)] * 3))
        operator = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
        return st.one_of(
            st.tuples(same, operator).map(lambda drawn: f"({drawn[0][0]} {drawn[1]} {drawn[0][1]})"),
            same.map(lambda three: "({} between {} and {})".format(*three)),
            same.map(lambda three: "({} not in ({}, {}))".format(*three)),
            _filled("({} is null)", anything),
            _filled("(not {})", truth),
            _filled("({} and {})", truth, truth),
            _filled("({} or {})", truth, truth),
            _filled("matches({}, {})", text, pattern),
            _filled("starts_with({}, {})", text, text),
            _filled("contains({}, {})", text, text),
        )
    return _of(kind, depth)


def _filled(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda drawn: template.format(*drawn))


_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "ß",
        "😀",
        ".",
        r"\d",
        r"\w",
        r"\s",
        r"\.",
        r"\$",
        "[ab]",
        "[^a]",
        r"[\d-]",
        r"[^\s]",
        "é",
        " ",
    ]
)
_REPEATED = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{1,3}?"])


def patterns() -> st.SearchStrategy[str]:
    """Return shared patterns: atoms, groups, alternatives, repetition, anchors."""
    piece = st.tuples(_ATOMS, _REPEATED).map("".join)
    row = st.lists(piece, min_size=1, max_size=4).map("".join)
    group = st.tuples(st.lists(row, min_size=1, max_size=3).map("|".join), _REPEATED).map(
        lambda drawn: f"({drawn[0]}){drawn[1]}"
    )
    body = st.lists(st.one_of(piece, group), min_size=1, max_size=4).map("".join)
    return st.tuples(st.sampled_from(["", "^"]), body, st.sampled_from(["", "$"])).map("".join)
