"""Files as dirty as people make them, and what must become of each row: known from how it was made, not by reading it again."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TYPES = {
    "id": "string",
    "n": "integer",
    "price": "decimal(12,4)",
    "at": "timestamp",
    "day": "date",
    "flag": "boolean",
    "note": "string",
}
NAMES = {name: "Unit Price" if name == "price" else name for name in TYPES}
"""What files call the columns."""


class Refused:
    """The value of a text that is none of its column's type."""


REFUSED = Refused()
Value = Any
Cell = tuple[str, Value]
"""A text, and the value that it is."""

_BAD: dict[str, Sequence[str]] = {
    "n": [
        "2147483648",
        "1.5",
        "1e3",
        "x",
        "NaN",
        "0x10",
        "--1",
        "1,000",
        "1 2",
        "\u0663",
        "\uff11",
        "1_000",
        "+",
        "-",
        ".",
    ],
    "price": [
        "1,234.50",
        "1e400",
        "NaN",
        "Infinity",
        "$5",
        "1.23456",
        "123456789.0",
        ".5",
        "1.2.3",
        "5 EUR",
        "\u22121",
        "1e-2",
    ],
    "at": [
        *(
            "0000-01-01 00:00:00",
            "2010-02-30 10:00",
            "2010-01-01 25:00",
            "01/02/2010 10:00",
            "20091201",
            "now",
        ),
        *(
            "2009-12-01 07:45:00+02:00",
            "2009-12-01 7:45",
            "2009-12-01 07:45:60",
            "1259653500",
            "2009-12-01  07:45",
            "10000-01-01",
        ),
    ],
    "day": [
        "2010-02-30",
        "2100-02-29",
        "03/04/2010",
        "2010-13-01",
        "0000-01-01",
        "2010-1-1",
        "Dec 1 2009",
        "2009-12-01x",
        "infinity",
    ],
    "flag": ["yes", "1", "t", "wahr", "truefalse", "0", "null"],
}
_TEXTS = [
    *(
        "fine",
        "NULL",
        "null",
        "\\N",
        "=1+1",
        "-0.0",
        "17850.0",
        " padded ",
        "a\tb",
        "it's",
        "back\\slash",
        "#",
        "//",
        "{}",
        "[1]",
    ),
    *(
        "Größe",
        "5 €",
        "ÿ",
        "Ελλάδα",
        "Привет",
        "שלום",
        "مرحبا",
        "你好",
        "こんにちは",
        "안녕",
        "नमस्ते",
        "😀👩‍👩‍👧🇩🇪",
        "e\u0301",
        "𐍈",
    ),
    *(
        'say "x"',
        "a,b",
        "a;b",
        "line\nbreak",
        "line\r\nbreak",
        "\n\n",
        "return\rhere",
        "NUL\0here",
        "\u2028",
        "\u0085",
        "\u00a0",
        "\ufeffmark",
    ),
    *('"', '""', ",", "';", "\\", '\\"', "x" * 3000),
]


def _good(name: str, dice: random.Random) -> Cell:
    match name:
        case "n":
            number = dice.choice([0, 1, -1, 999_999_999, -999_999_999, dice.randint(-(10**6), 10**6)])
            return dice.choice(
                [f"{number}", f" {number} ", f"{number}.0", f"{number}.", f"{number:+d}", f"{number:012d}"]
            ), number
        case "price":
            amount = (
                Decimal(dice.randint(-(10**12) + 1, 10**12 - 1))
                .scaleb(-dice.randint(4, 8))
                .quantize(Decimal("0.0001"))
            )
            amount = dice.choice(
                [amount, Decimal("-0.0"), Decimal("1.10"), Decimal("0.0001"), Decimal("99999999.9999")]
            )
            return dice.choice(
                [f"{amount:f}", f" {amount:f}", f"{amount:f}00" if "." in f"{amount:f}" else f"{amount:f}"]
            ), amount
        case "at":
            moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(
                days=dice.randint(0, 3_650_000), microseconds=dice.randint(0, 86_399_999_999)
            )
            minute = moment.replace(second=0, microsecond=0)
            day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            plain = moment.replace(tzinfo=None)
            return dice.choice(
                [
                    (plain.isoformat(" ", "microseconds"), moment),
                    (plain.isoformat("T", "microseconds") + "Z", moment),
                    (plain.isoformat(" ", "minutes"), minute),
                    (plain.date().isoformat(), day),
                ]
            )
        case "day":
            found = date(1, 1, 1) + timedelta(days=dice.randint(0, 3_650_000))
            return found.isoformat(), found
        case "flag":
            truth = dice.random() < 0.5
            return dice.choice([str(truth), str(truth).lower(), f" {str(truth).upper()} "]), truth
        case _:
            text = dice.choice(_TEXTS)
            return text, text


@dataclass
class Case:
    """A file, and what must become of what is in it: rows of Silver, refused rows with their texts, and what does not parse."""

    name: str
    content: bytes = b""
    silver: dict[str, dict[str, Value]] = field(default_factory=dict)
    refused: dict[str, tuple[list[str], dict[str, str | None]]] = field(default_factory=dict)
    corrupt: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    """Those that it has, in its order."""


@dataclass(frozen=True)
class Way:
    """A way of writing files: the source that reads them, and the writer; `takes` says which texts it can hold."""

    source: Mapping[str, Any]
    write: Callable[["Case", list[dict[str, str | None]], random.Random], None]
    encoding: str = "utf-8"

    def takes(self, text: str) -> bool:
        try:
            return text.encode(self.encoding) is not None
        except UnicodeEncodeError:
            return False


def case(way: Way, folder: str, number: int, dice: random.Random) -> Case:
    """Return a case of a way; what it holds depends on the dice only."""
    made = Case(f"{folder}/{number:05d}")
    left_out = {name for name in TYPES if name != "id" and dice.random() < 0.05}
    rows = []
    for index in range(dice.choice([0, 1, 2, 5, 9])):
        identifier = f"{number}-{index}"
        cells: dict[str, Cell] = {"id": (identifier, identifier)}
        for name in TYPES:
            if name == "id" or name in left_out:
                continue
            chance = dice.random()
            if chance < 0.1:
                cells[name] = ("", None)
            elif chance < 0.25 and name in _BAD:
                cells[name] = (dice.choice(_BAD[name]), REFUSED)
            else:
                cells[name] = _good(name, dice)
            if not way.takes(cells[name][0]):
                cells[name] = ("", None)
        _expect(made, identifier, cells)
        rows.append({name: cells[name][0] or None for name in TYPES if name in cells})
    columns = [name for name in TYPES if name not in left_out]
    dice.shuffle(columns)
    made_rows = [{name: row[name] for name in columns} for row in rows]
    made.columns = columns
    way.write(made, made_rows, dice)
    return made


def _expect(made: Case, identifier: str, cells: Mapping[str, Cell]) -> None:
    values = {name: cells[name][1] if name in cells else None for name in TYPES}
    wrong = [name for name in TYPES if values[name] is REFUSED]
    if wrong:
        texts = {NAMES[name]: (cells[name][0] or None) if name in cells else None for name in TYPES}
        made.refused[identifier] = ([f"schema.{name}" for name in wrong], texts)
    else:
        made.silver[identifier] = values


def _csv(
    delimiter: str, encoding: str, end: str
) -> Callable[[Case, list[dict[str, str | None]], random.Random], None]:
    """Return a writer of CSV: lines that are too short or too long, and bytes that are no text, among the others."""

    def write(made: Case, rows: list[dict[str, str | None]], dice: random.Random) -> None:
        columns = made.columns
        extra = dice.random() < 0.2
        lines = [_line([NAMES[name] for name in columns] + ["extra"] * extra, delimiter, dice, whole=False)]
        for row in rows:
            values = [row[name] or "" for name in columns] + [dice.choice(["", "junk", 'a "b"'])] * extra
            lines.append(_line(values, delimiter, dice))
            width = len(columns) + extra
            if dice.random() < 0.15 and width > 1:
                count = dice.choice([*range(1, width), width + 1, width + 2])
                broken = delimiter.join(f"t{dice.randint(0, 9)}" for _ in range(count))
                lines.append(broken)
                made.corrupt.append(broken)
            if dice.random() < 0.1 and width > 1:
                lines.append("")
        text = end.join(lines) + (end if dice.random() < 0.8 else "")
        content = text.encode(encoding)
        if encoding == "utf-8":
            if dice.random() < 0.2 and end == "\n" and text.endswith(end):
                content += delimiter.join(["z"] * (len(columns) + extra)).encode() + b"\xff\n"
                made.corrupt.append(delimiter.join(["z"] * (len(columns) + extra)) + "?")
            if dice.random() < 0.2:
                content = b"\xef\xbb\xbf" + content
        _packed(made, content, dice, ".csv")

    return write


def _line(values: Sequence[str], delimiter: str, dice: random.Random, *, whole: bool = True) -> str:
    quoting = csv.QUOTE_ALL if whole and dice.random() < 0.5 else csv.QUOTE_MINIMAL
    if any(set("\r\n\0") & set(value) or value[:1] in {" ", "\ufeff"} for value in values):
        quoting = csv.QUOTE_ALL
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="", quoting=quoting).writerow(values)
    return line.getvalue()


def _packed(made: Case, content: bytes, dice: random.Random, ending: str) -> None:
    packed = dice.random() < 0.2
    made.content = gzip.compress(content, 1) if packed else content
    made.name += ending + (".gz" if packed else "")


def _object(row: Mapping[str, str | None], dice: random.Random, **options: Any) -> str:
    """Return a row as JSON; texts that are numbers may be numbers, nulls may be left out, and there may be more fields."""
    parts = []
    for name, text in row.items():
        if text is None and dice.random() < 0.5:
            continue
        bare = text is not None and name in {"n", "price"} and _is_number(text) and dice.random() < 0.7
        parts.append(
            f"{json.dumps(NAMES[name])}:{' ' * dice.randint(0, 1)}{text if bare else json.dumps(text, **options)}"
        )
    if dice.random() < 0.2:
        parts.append('"extra": {"deep": [1, 2]}')
    return "{" + ", ".join(parts) + "}"


def _is_number(text: str) -> bool:
    try:
        json.loads(text, parse_constant=lambda _name: int("no"))
    except ValueError:
        return False
    return text.strip() == text and not (text.lstrip("-").startswith("0") and text.lstrip("-")[1:2].isdigit())


_NO_OBJECTS = ["7", '"text"', "null", "[1, 2]", "true"]


def _ndjson(made: Case, rows: list[dict[str, str | None]], dice: random.Random) -> None:
    lines = []
    for row in rows:
        lines.append(_object(row, dice, ensure_ascii=dice.random() < 0.5))
        if dice.random() < 0.2:
            broken = dice.choice(
                [*_NO_OBJECTS, '{"id": "x"', "{'id': 1}", "garbage", '{"id": "a"} {"id": "b"}']
            )
            lines.append(broken)
            made.corrupt.append(broken)
        if dice.random() < 0.1:
            lines.append(dice.choice(["", " \t"]))
    end = dice.choice(["\n", "\r\n"])
    _packed(made, (end.join(lines) + dice.choice(["", end])).encode(), dice, ".jsonl")


def _json(made: Case, rows: list[dict[str, str | None]], dice: random.Random) -> None:
    objects = []
    for row in rows:
        objects.append(_object(row, dice, ensure_ascii=dice.random() < 0.5))
        if dice.random() < 0.2:
            broken = dice.choice(_NO_OBJECTS)
            objects.append(broken)
            made.corrupt.append(broken)
    if objects and objects[0][0] != "[" and dice.random() < 0.3:
        text = dice.choice(["\n", " ", "\r\n\r\n"]).join(objects)
    else:
        text = "[" + dice.choice([",", ",\n  ", "\n,"]).join(objects) + "]"
    if dice.random() < 0.2 and objects:
        rest = dice.choice(['{"id": "cut o', "}", "garbage", ', {"id": "late"}'])
        made.corrupt.append(rest)
        text += "\n" + rest
    _packed(made, text.encode(), dice, ".json")


def _parquet(made: Case, rows: list[dict[str, str | None]], dice: random.Random) -> None:
    """Columns are texts, or of their own types where all values of the file are."""
    kinds = {
        "n": pa.int32(),
        "price": pa.decimal128(12, 4),
        "at": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
        "flag": pa.bool_(),
    }
    columns = {}
    for name in made.columns:
        texts = [row[name] for row in rows]
        known = [made.silver.get(row["id"] or "", {}).get(name) for row in rows]
        whole = all(row["id"] in made.silver for row in rows)
        typed = name in kinds and whole and dice.random() < 0.6
        columns[NAMES[name]] = pa.array(known, kinds[name]) if typed else pa.array(texts, pa.string())
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=dice.choice([1, 3, 100]))
    made.content, made.name = file.getvalue(), made.name + ".parquet"


WAYS = {
    "comma": Way({}, _csv(",", "utf-8", "\n")),
    "windows": Way({}, _csv(",", "utf-8", "\r\n")),
    "returns": Way({}, _csv(",", "utf-8", "\r")),
    "semicolon": Way({"csv": {"delimiter": ";"}}, _csv(";", "utf-8", "\n")),
    "tab": Way({"csv": {"delimiter": "\t"}}, _csv("\t", "utf-8", "\n")),
    "latin": Way({"encoding": "latin-1"}, _csv(",", "latin-1", "\n"), "latin-1"),
    "western": Way(
        {"encoding": "windows-1252", "csv": {"delimiter": ";"}}, _csv(";", "cp1252", "\r\n"), "cp1252"
    ),
    "wide": Way({"encoding": "utf-16"}, _csv(",", "utf-16", "\n"), "utf-16"),
    "lines": Way({"format": "ndjson"}, _ndjson),
    "documents": Way({"format": "json"}, _json),
    "columns": Way({"format": "parquet"}, _parquet),
}


def cases(seed: int, count: int) -> list[Case]:
    """Return so many cases, of each way as many as of any other; the seed says which."""
    dice = random.Random(seed)
    ways = list(WAYS)
    return [
        case(WAYS[ways[number % len(ways)]], ways[number % len(ways)], number, dice)
        for number in range(count)
    ]
