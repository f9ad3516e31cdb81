"""Patterns: which are shared by every engine, and that engines agree on those that are."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from podium_contracts.pipeline.patterns import portable, replaceable_pattern, shared_pattern

SHARED = "is not in the patterns that every engine reads alike"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        "[A-Z]?[0-9]{6}(-[0-9]+)?",
        r"\d+\.\d{2}",
        "^(a|b)$",
        "a|b",
        "(?:ab)*?c+?d{2,3}?",
        r"[^\s,]+",
        r"[\w-]+@[\w.-]+",
        "[^^]",
        r"\^\$\[\]\\\/",
        "(a{100}){10}",
        "(a{100}){10}(b{100}){10}",
        "((a{2}b{3}){4}c{5}){50}",
        "Größe 1£",
        "(|a)",
    ],
)
def test_a_shared_pattern_is_accepted_as_it_is(pattern: str) -> None:
    """Literals, classes, groups, alternatives, repetition and anchors at the ends are shared."""
    assert shared_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(?=b)", f"'(?' {SHARED}"),
        ("(?!a)", f"'(?' {SHARED}"),
        ("(?<=a)b", f"'(?' {SHARED}"),
        ("(?i)a", f"'(?' {SHARED}"),
        ("(?P<name>a)", f"'(?' {SHARED}"),
        ("(?>a)", f"'(?' {SHARED}"),
        (r"(a)\1", rf"'\\1' {SHARED}"),
        (r"\bword", rf"'\\bword' {SHARED}"),
        (r"a\Z", rf"'\\Z' {SHARED}"),
        (r"\p{L}", rf"'\\p{{L}}' {SHARED}"),
        (r"\D", rf"'\\D' {SHARED}"),
        (r"[\v]", rf"'[\\v]' {SHARED}"),
        ("a^b", f"'^b' {SHARED}"),
        ("a$b", f"'$b' {SHARED}"),
        ("a++", f"'++' {SHARED}"),
        ("a*{2}", f"'*{{2}}' {SHARED}"),
        ("*a", f"'*' {SHARED}"),
        ("a|*", f"'|*' {SHARED}"),
        ("(?:+a)", f"'(?:+' {SHARED}"),
        ("a{,3}", f"'{{,3}}' {SHARED}"),
        ("a{1000}", f"'{{1000}}' {SHARED}"),
        ("{a}", f"'{{a}}' {SHARED}"),
        ("[]a]", f"'[]a]' {SHARED}"),
        ("[^]a]", f"'[^]a]' {SHARED}"),
        ("[^][a]", f"'[^][a]' {SHARED}"),
        ("[[:alpha:]]", f"'[[:alpha:]]' {SHARED}"),
        ("[a&&b]", f"'&&' in a class {SHARED}"),
        ("[!--]", f"'--' in a class {SHARED}"),
        ("[a~~b]", f"'~~' in a class {SHARED}"),
        ("[a||b]", f"'||' in a class {SHARED}"),
        ("(a", "'(a' is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("a)", "'a)' is not a regular expression: unbalanced parenthesis at position 1"),
        ("a{3,2}", "'a{3,2}' is not a regular expression: min repeat greater than max repeat at position 2"),
        ("[z-a]", "'[z-a]' is not a regular expression: bad character range z-a at position 1"),
        (r"[\d-z]", r"'[\\d-z]' is not a regular expression: bad character range \d-z at position 1"),
        ("^a|b", "'^a|b': with ^ or $, put the alternatives into a group: ^(a|b)$"),
        ("a|b$", "'a|b$': with ^ or $, put the alternatives into a group: ^(a|b)$"),
        ("(a{100}){11}", "'(a{100}){11}' repeats 1100 times, more than 1000"),
        ("(a{5,}){300}", "'(a{5,}){300}' repeats 1500 times, more than 1000"),
        ("((a{100}){0}){11}", "'((a{100}){0}){11}' repeats 1100 times, more than 1000"),
    ],
)
def test_another_pattern_is_refused_with_the_part_that_is_not_shared(pattern: str, message: str) -> None:
    """What one engine reads differently, or not at all, is a mistake of the pipeline file and not of a run."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        shared_pattern(pattern)


@pytest.mark.parametrize("pattern", ["a+", "^a", "[0-9]+$"])
def test_a_pattern_that_matches_something_may_be_replaced(pattern: str) -> None:
    """Its matches lie at the same places for every engine."""
    assert replaceable_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", "a*", "^", "$", "(a|)", "a{0}"])
def test_a_pattern_that_matches_nothing_at_all_may_not_be_replaced(pattern: str) -> None:
    """Engines find empty matches in different places; the message says what to write."""
    with pytest.raises(ValueError, match=r"matches the empty text: write \+ instead of \*"):
        replaceable_pattern(pattern)


def test_what_may_be_replaced_is_shared_too() -> None:
    """The narrower check includes the wider one."""
    with pytest.raises(ValueError, match="every engine reads alike"):
        replaceable_pattern(r"\b")


@pytest.mark.parametrize(
    ("pattern", "whole", "anywhere"),
    [
        ("a.b", r"(?:a[^\n]b)", r"(?:a[^\n]b)"),
        (r"\d\w\s", r"(?:[0-9][0-9A-Za-z_][ \t\n\r\f])", r"(?:[0-9][0-9A-Za-z_][ \t\n\r\f])"),
        (r"[^\d.-]", "(?:[^0-9.-])", "(?:[^0-9.-])"),
        (r"\.[.]", r"(?:\.[.])", r"(?:\.[.])"),
        ("^a$", "(?:a)", r"\A(?:a)\z"),
        ("^(a|b)", "(?:(a|b))", r"\A(?:(a|b))"),
        ("a|b", "(?:a|b)", "(?:a|b)"),
        (r"a\$", r"(?:a\$)", r"(?:a\$)"),
    ],
)
def test_what_engines_read_differently_is_spelled_out(pattern: str, whole: str, anywhere: str) -> None:
    """Digits, letters, spaces and any character get one meaning, and anchors mean the ends of the text."""
    assert portable(pattern, whole=True) == whole
    assert portable(pattern, whole=False) == anywhere


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB, whose patterns are RE2's."""
    with duckdb.connect() as connection:
        yield connection


ALPHABET = "ab1_- .,\n\t\r\f\vé٣\u017f\u212a£"
members = st.sampled_from(
    ["a", "b-e", "0-9", "_", r"\-", r"\.", ".", r"\d", r"\w", r"\s", "é", "^", "-", "&"]
)
atoms = st.one_of(
    st.sampled_from(["a", "b", "1", " ", "-", "é", ".", r"\d", r"\w", r"\s", r"\.", r"\n", "\n", "£", "()"]),
    st.builds(
        "[{}{}]".format, st.sampled_from(["", "^"]), st.lists(members, min_size=1, max_size=4).map("".join)
    ),
)
repetitions = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,2}", "{1,}?"])


def larger(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return a strategy for patterns made of smaller ones."""
    grouped = st.builds("{}{})".format, st.sampled_from(["(", "(?:"]), smaller)
    repeated = st.builds("{}{}".format, grouped | atoms, repetitions)
    return st.one_of(
        st.lists(repeated, min_size=1, max_size=3).map("".join), st.builds("{}|{}".format, smaller, smaller)
    )


patterns = st.recursive(atoms, larger, max_leaves=6)
symbols = st.text(st.sampled_from(list("ab1[](){}^$|*+?.-\\dws&~:=!<i,2 \n")), max_size=12)


def is_shared(pattern: str) -> bool:
    """Whether a pattern is accepted."""
    try:
        shared_pattern(pattern)
    except ValueError:
        return False
    return True


@given(patterns.filter(is_shared), st.text(st.sampled_from(ALPHABET), max_size=6))
@settings(max_examples=500)
@example(".", "\r")
@example(".", "\n")
@example(r"\s", "\v")
@example(r"\d", "٣")
@example(r"\w", "é")
def test_engines_agree_on_which_texts_match(
    engine: duckdb.DuckDBPyConnection, pattern: str, text: str
) -> None:
    """Python and RE2 accept the same texts under every shared pattern, whatever is in them."""
    python = re.fullmatch(portable(pattern, whole=True), text) is not None
    query = "SELECT regexp_full_match($1, $2)"
    assert engine.execute(query, [text, portable(pattern, whole=True)]).fetchall() == [(python,)]


@given(patterns.filter(is_shared), st.sampled_from(["", "^"]), st.sampled_from(["", "$"]), st.data())
def test_engines_agree_on_which_texts_hold_a_match(
    engine: duckdb.DuckDBPyConnection, pattern: str, start: str, end: str, data: st.DataObject
) -> None:
    """With anchors or without, a match is found in the same texts; a last line break is a character like any other."""
    anchored = start + pattern + end
    assume(is_shared(anchored))
    text = data.draw(st.text(st.sampled_from(ALPHABET), max_size=6))
    given_to_engine = portable(anchored, whole=False)
    python = re.search(given_to_engine.replace(r"\z", r"\Z"), text) is not None
    query = "SELECT regexp_matches($1, $2)"
    assert engine.execute(query, [text, given_to_engine]).fetchall() == [(python,)]


@given(symbols)
@settings(max_examples=300)
def test_what_is_accepted_every_engine_can_read(engine: duckdb.DuckDBPyConnection, pattern: str) -> None:
    """However odd a text is as a pattern, it is refused at validation or read by the engine, never an error of a run."""
    assume(is_shared(pattern))
    engine.execute("SELECT regexp_full_match('a', $1)", [portable(pattern, whole=True)]).fetchall()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=3))
@example([0, 100, 100])
@example([999])
def test_the_limit_on_repetition_is_re2s(engine: duckdb.DuckDBPyConnection, counts: list[int]) -> None:
    """Nested repetitions are accepted exactly where RE2 takes them, and siblings do not add up."""
    pattern = "a"
    for count in counts:
        pattern = f"({pattern}){{{count}}}b{{999}}"
    query = "SELECT regexp_full_match('a', $1)"
    if is_shared(pattern):
        engine.execute(query, [portable(pattern, whole=True)]).fetchall()
    else:
        with pytest.raises(duckdb.InvalidInputException, match="invalid repetition size"):
            engine.execute(query, [portable(pattern, whole=True)])
