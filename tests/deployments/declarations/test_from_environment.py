"""`${NAME}` in declarations: what differs between environments, told where it is wrong, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.declarations.folder import read_folder
from deployments.errors import DeclarationError
from deployments.project import load_project, read_project

TABLE = """\
table: {schema}.orders
description: Orders.
owner: a@example.com
source:
  kind: csv
  url: s3://{bucket}/orders.csv
  {more}
columns:
  - {{name: id, type: integer, null: ["{null}"]}}
load: {{mode: full_refresh, generations: {generations}}}
"""


def written(folder: Path, **values: str) -> Path:
    given = {"schema": "raw", "bucket": "b", "more": "", "null": "NA", "generations": "2"} | values
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "orders.yaml").write_text(TABLE.format(**given))
    return folder


def mistakes(folder: Path) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/tables/") for problem in read_folder(folder).problems]


def test_values_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_BUCKET", "exports-eu")
    monkeypatch.setenv("RAW", "raw_test")
    monkeypatch.setenv("KEPT", "5")
    folder = written(tmp_path, schema="${RAW}", bucket="${ORDERS_BUCKET}", null="$${RAW}", generations='"${KEPT}"')
    project = load_project(folder)
    table = project.table("raw_test.orders")
    assert (table.source.address, table.load.generations) == ("s3://exports-eu/orders.csv", 5)
    assert table.columns[0].null == ("${RAW}",)
    assert project.variables == ("KEPT", "ORDERS_BUCKET", "RAW")
    # What a variable holds stays a text: it makes no keys.
    monkeypatch.setenv("ORDERS_BUCKET", "b, kind: json}")
    assert load_project(folder).table("raw_test.orders").source.address == "s3://b, kind: json}/orders.csv"


def test_in_defaults_suites_and_summaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM", "team-eu")
    monkeypatch.setenv("MOST", "9")
    folder = written(tmp_path)
    file = folder / "tables" / "orders.yaml"
    file.write_text(file.read_text().replace("owner: a@example.com\n", ""))
    (folder / "defaults.yaml").write_text("owner: ${TEAM}@example.com\n")
    for name in ("suites", "summaries"):
        (folder / name).mkdir()
    (folder / "suites" / "orders.yaml").write_text(
        "table: raw.orders\nexpectations:\n"
        '  - {code: O-N, type: expect_table_row_count_to_be_between, kwargs: {max_value: 9}, notes: "of ${TEAM}"}\n'
    )
    (folder / "summaries" / "o.sql").write_text(
        "/*\ntarget: raw.o\ndescription: Of ${TEAM}.\nowner: a@example.com\ninputs: [{table: raw.orders}]\n*/\n"
        "SELECT id FROM raw.orders\n"
    )
    project = load_project(folder)
    assert project.table("orders").owner == "team-eu@example.com"
    assert project.suites["raw.orders"].expectations[0].notes == "of team-eu"
    assert project.summary("o").description == "Of team-eu."
    assert project.variables == ("TEAM",)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"bucket": "${NOWHERE}"}, "orders.yaml:6: source.url: NOWHERE isn't set; allowed: export NOWHERE=..."),
        ({"bucket": "${orders}"}, "orders.yaml:6: source.url: '${orders}' isn't a name of the environment; allowed: capital"),
        ({"bucket": "${ORDERS"}, "orders.yaml:6: source.url: '${ORDERS/orders.csv' isn't a name of the environment"),
        ({"bucket": "${DB_PASSWORD}"}, "orders.yaml:6: source.url: DB_PASSWORD holds a secret by its name"),
        ({"bucket": "${API_TOKEN}"}, "source.url: API_TOKEN holds a secret by its name"),
        ({"bucket": "${SHOP_KEY}"}, "source.url: SHOP_KEY holds a secret by its name"),
        ({"bucket": "${HEADGATE_PII_KEY}"}, "source.url: HEADGATE_PII_KEY is a setting, which no declaration reads"),
        ({"bucket": "x?token=${PLAIN}"}, "source.url: 'token' holds a secret by its name"),
        ({"more": "headers: {Authorization: '${PLAIN}'}"}, "source.headers.Authorization: 'Authorization' holds a secret"),
        ({"null": "${WITH_LOGIN}"}, "columns.id.0: WITH_LOGIN holds an address with a login"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], told: str
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    for name, value in {"PLAIN": "abc", "WITH_LOGIN": "https://ann:hunter2@example.com/", "DB_PASSWORD": "hunter2",
                        "API_TOKEN": "hunter2", "SHOP_KEY": "hunter2"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    found = mistakes(written(tmp_path, **values))
    assert any(told in text for text in found), found
    assert not any("hunter2" in text for text in found)


@pytest.mark.parametrize("values", [
    {"schema": "${NOWHERE}"}, {"bucket": "${NOWHERE}"}, {"null": "${NOWHERE}"}, {"generations": '"${NOWHERE}"'},
    {"more": "on_missing: ${NOWHERE}"}, {"more": "encoding: ${NOWHERE}"}, {"more": "delimiter: '${NOWHERE}'"},
])  # fmt: skip
def test_what_isnt_set_is_one_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    (mistake,) = mistakes(written(tmp_path, **values))
    assert "NOWHERE isn't set" in mistake


def test_all_names_that_are_missing_are_told_at_once(tmp_path: Path) -> None:
    folder = written(tmp_path, bucket="${ONE_BUCKET}-${OTHER_BUCKET}", schema="raw")
    with pytest.raises(DeclarationError) as refused:
        load_project(folder)
    assert "ONE_BUCKET isn't set" in refused.value.message
    assert "OTHER_BUCKET isn't set" in refused.value.message
    assert read_project(folder)[0].variables == ()
