"""What must hold between the keys of a table's declaration."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deployments.declarations.problems import Problem

Check = Callable[..., list[Problem]]
Changes = list[tuple[str, str]]

CSV = "  kind: csv\n  url: http://files.example.com/orders/{window.start:%Y-%m-%d}.csv"
WINDOW = "window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}\n"
POSTGRES = "  kind: postgres\n  connection: shop\n  query: SELECT id, email, amount, ordered_at FROM orders"
CHUNKS = "\n  chunks: {by: %s, rows: 10, snapshot: %s}"
CURSOR = "\n  cursor: {column: ordered_at, kind: %s}"
MODE = "  mode: replace_window\n  window_column: ordered_at\n"
REFRESH = [
    (CSV, "  kind: csv\n  url: http://files.example.com/orders.csv"),
    (WINDOW, ""),
    (MODE, "  mode: full_refresh\n"),
]

EACH = "  kind: csv\n  url: s3://bucket/orders/\n  objects: each"
ONE_LANE = 'schedule: {cron: "0 2 * * *"}'
SIDE_BY_SIDE = ONE_LANE.replace("}", ", parallel: 2}")

SOUND: list[Changes] = [
    [],
    REFRESH,
    [(MODE, "  mode: merge\n  keep: {latest_by: ordered_at}\n")],
    [(MODE, "  mode: append\n")],
    [(CSV, POSTGRES + CURSOR % "mutable"), (MODE, "  mode: merge\n")],
    [(CSV, POSTGRES + CURSOR % "immutable"), (MODE, "  mode: append\n")],
    [(CSV, POSTGRES), (WINDOW, ""), (MODE, "  mode: merge\n  deletes: compare_keys\n")],
    [("key: [id]", "key: [id]\npii: {email: hash}")],
    [("key: [id]", "key: [id]\npii: {ordered_at: hide}")],
    [(CSV, CSV.replace("http://files.example.com", "") + "\n  connection: files")],
    [(WINDOW, WINDOW.replace("}", ", lookback: 2}")), ("key: [id]", "key: [id]\nreconcile: {cron: '0 7 * * *', repair: true}")],
    [(CSV, EACH), (WINDOW, ""), (MODE, "  mode: append\n"), (ONE_LANE, SIDE_BY_SIDE)],
    [(CSV, EACH.replace("csv", "json") + "\n  pattern: '*.jsonl'"), (WINDOW, ""), (MODE, "  mode: merge\n")],
    [(CSV, POSTGRES + CHUNKS % ("id", "chunk")), *REFRESH[1:]],
    [(CSV, POSTGRES + CHUNKS % ("amount", "batch")), *REFRESH[1:]],
    [*REFRESH, ("key: [id]", "key: [id]\nreconcile: {cron: '0 7 * * *'}")],
]  # fmt: skip

IN_S3 = "  kind: csv\n  url: s3://bucket/orders/{window.start:%Y-%m-%d}/"
IN_PLACE = MODE + "  stage: in_place\n"

LOOKBACK = WINDOW.replace("}", ", lookback: 2}")
COMPARED = "key: [id]\nreconcile: {cron: '0 7 * * *'%s}"

CONTRADICTIONS: list[tuple[Changes, str, str]] = [
    ([(WINDOW, LOOKBACK), (MODE, "  mode: append\n")], "window.lookback", "append can't load a window again"),
    ([(WINDOW, LOOKBACK), (MODE, "  mode: merge\n")], "window.lookback", "says which rows are a window's"),
    ([("key: [id]", COMPARED % ""), (MODE, "  mode: merge\n")], "reconcile", "says which rows are a window's"),
    ([("key: [id]", COMPARED % ", repair: true"), (MODE, "  mode: append\n")], "reconcile.repair", "without doubling it"),
    ([*REFRESH, ("key: [id]", COMPARED % ", windows: 3")], "reconcile.windows", "has no meaning without window"),
    ([(CSV, EACH), (MODE, "  mode: append\n")], "source.objects", "not both"),
    ([(CSV, EACH), (WINDOW, ""), (MODE, "  mode: full_refresh\n")], "source.objects", "would replace those before it"),
    ([(CSV, EACH), (WINDOW, ""), (MODE, "  mode: append\n  stage: in_place\n")], "source.objects", "all objects of a batch"),
    ([(CSV, EACH + "\n  on_missing: wait"), (WINDOW, ""), (MODE, "  mode: append\n")], "source.on_missing", "awaited by name"),
    ([(CSV, EACH), (WINDOW, ""), (MODE, "  mode: append\n"), ("key: [id]", COMPARED % "")], "reconcile", "came with which"),
    ([(CSV, EACH.replace("orders/", "orders.csv")), (WINDOW, ""), (MODE, "  mode: append\n")], "source.objects", "ends in '/'"),
    ([(CSV, IN_S3 + "\n  pattern: '*.csv'"), (MODE, IN_PLACE)], "source.pattern", "no meaning with in_place"),
    ([(CSV, IN_S3.replace("csv", "json"))], "source.url", "aren't read together"),
    ([(CSV, IN_S3 + "\n  compression: xz"), (MODE, IN_PLACE)], "load.stage", "in_place can't unpack xz"),
    ([(CSV, IN_S3 + "\n  quote: none"), (MODE, IN_PLACE)], "load.stage", "in_place reads CSV of RFC 4180"),
    ([(CSV, IN_S3 + "\n  skip_lines: 1"), (MODE, IN_PLACE)], "load.stage", "with the header in the first line"),
    ([(CSV, IN_S3.replace("csv", "json")), (MODE, IN_PLACE)], "load.stage", "in_place reads JSON lines"),
    ([(CSV, IN_S3.replace("csv", "json") + "\n  format: lines\n  compression: xz"), (MODE, IN_PLACE)], "load.stage",
     "in_place can't unpack xz"),
    ([("key: [id]", "key: [idd]")], "key", "'idd' isn't a column of the contract; allowed: id, email, amount, ordered_at"),
    ([("nullable: false}\n  - {name: email", "nullable: true}\n  - {name: email")], "key", "part of the key but nullable"),
    ([("name: email", "name: id")], "columns.id.name", "column 'id' stands more than once"),
    ([("name: email", "name: email, from: id")], "columns.email", "source name 'id' stands more than once"),
    ([("key: [id]", "key: [id]\npii: {mail: hash}")], "pii", "'mail' isn't a column of the contract"),
    ([("varchar(64)", "varchar(63)"), ("key: [id]", "key: [id]\npii: {email: hash}")], "pii.email", "varchar(64) or longer"),
    ([("key: [id]", "key: [id]\npii: {id: hash}")], "pii.id", "varchar(64) or longer"),
    ([("key: [id]", "key: [id]\nphysical: {sortkey: [when]}")], "physical.sortkey", "'when' isn't a column"),
    ([("key: [id]", "key: [id]\nphysical: {diststyle: key, distkey: who}")], "physical.distkey", "'who' isn't a column"),
    ([("window_column: ordered_at", "window_column: orderedat")], "load.window_column", "'orderedat' isn't a column"),
    ([("window_column: ordered_at", "window_column: id")], "load.window_column", "must be a date or timestamp, not integer"),
    ([("  window_column: ordered_at\n", "")], "load.mode", "replace_window needs load.window_column"),
    ([("mode: replace_window", "mode: append")], "load.window_column", "belongs to replace_window, not to append"),
    ([("key: [id]\n", ""), (MODE, "  mode: merge\n")], "load.mode", "merge needs a key"),
    ([("key: [id]\n", ""), (MODE, "  mode: append\n  keep: {latest_by: ordered_at}\n")], "load.keep", "latest of what?"),
    ([(MODE, "  mode: merge\n  keep: {latest_by: changed}\n")], "load.keep.latest_by", "'changed' isn't a column"),
    ([(CSV, POSTGRES + CURSOR % "mutable")], "load.mode", "replace_window on a mutable cursor loses or doubles rows"),
    ([(CSV, POSTGRES + CURSOR % "mutable"), (MODE, "  mode: append\n")], "load.mode", "append on a mutable cursor"),
    ([(MODE, "  mode: full_refresh\n")], "window", "a window would lose all the others"),
    ([REFRESH[0], REFRESH[1]], "load.mode", "replace_window needs window"),
    ([(MODE, "  mode: merge\n  deletes: compare_keys\n")], "load.deletes", "needs mode merge and a database"),
    ([(CSV, POSTGRES), (MODE, "  mode: merge\n")], "source.cursor", "a postgres source with windows needs a cursor"),
    ([(CSV, POSTGRES + CURSOR % "mutable" + CHUNKS % ("id", "batch")), (MODE, "  mode: merge\n")], "source.chunks",
     "windows cut the rows already"),
    ([(CSV, POSTGRES + CHUNKS % ("amount", "chunk")), *REFRESH[1:]], "source.chunks.snapshot", "could be missed or read twice"),
    ([(CSV, POSTGRES + CURSOR % "immutable"), *REFRESH[1:]], "source.cursor", "has no meaning without window"),
    ([REFRESH[0]], "source.url", "every window would read the same address; allowed: {window.start:%Y-%m-%d} in the url"),
    (REFRESH[1:], "source.url", "holds a window placeholder, but the table has no window"),
    ([("http://files.example.com", "")], "source.url", "a path needs a connection; allowed: connection: NAME"),
    ([*REFRESH, ('"0 2 * * *"', '"0 2 * * *", catchup: false')], "schedule.catchup", "has no meaning without window"),
]  # fmt: skip


@pytest.mark.parametrize("changes", SOUND)
def test_combinations_that_make_sense(table_problems: Check, changes: Changes) -> None:
    assert table_problems(*changes) == []


@pytest.mark.parametrize(("changes", "key", "words"), CONTRADICTIONS)
def test_a_contradiction_is_told_at_its_key(table_problems: Check, changes: Changes, key: str, words: str) -> None:
    problems = table_problems(*changes)
    told = next((problem for problem in problems if problem.key == key and words.split("; ")[0] in str(problem)), None)
    assert told is not None, problems
    assert words in str(told).replace(" that gives the host", "")
    assert told.line > 1


def test_contradictions_are_told_together(table_problems: Check) -> None:
    problems = table_problems(
        ("key: [id]", "key: [idd]\npii: {mail: hash}"), ("window_column: ordered_at", "window_column: id")
    )
    assert {problem.key for problem in problems} == {"key", "pii", "load.window_column"}


@pytest.mark.effect("JsonSource.objects=together")
def test_json_files_are_read_one_by_one(table_problems: Check) -> None:
    together = EACH.replace("csv", "json").replace("objects: each", "objects: together")
    (found,) = table_problems((CSV, together), (WINDOW, ""), (MODE, "  mode: append\n"))
    assert (found.key, found.allowed) == ("source.url", "objects: each")
