"""A story of every kind of failure, with secrets and personal values planted: none of them stands in anything that came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
import psycopg2
import pytest

from deployments.embedded.stack import EmbeddedStack
from tests.acceptance.oncall.conftest import certificate, mail, sink

if TYPE_CHECKING:
    from tests.conftest import Web

__all__ = ["certificate", "mail", "sink"]
MARK = "MARK"
"""What every secret and every personal value holds, and nothing else does."""
COLUMNS = """\
description: People.
owner: owner@example.com
columns:
  - {name: id, type: integer, nullable: false}
  - {name: email, type: varchar(64), nullable: false}
  - {name: note, type: varchar(60)}
  - {name: phone, type: integer}
pii: {email: hash, note: hide, phone: hide}
"""
OTHER = {"bynote": ("varchar(60)", "varchar(60), nullable: false"), "place": ("email: hash", "email: hide")}
"""What a key, and rows that are loaded as they lie, have to be declared as."""
GOOD = [f"{n},MARKmail{n}@x.example,MARKnote of {n},{n}" for n in range(1, 30)]
HEADER = "id,email,note,phone"
SUITE = """\
table: {schema}.{name}
expectations:
  - {{code: NOTE, type: expect_column_values_to_match_regex, kwargs: {{column: note, regex: "^never"}}}}
  - {{code: SET, type: expect_column_values_to_be_in_set, kwargs: {{column: note, value_set: [one]}}, severity: warning}}
  - {{code: LENGTH, type: expect_column_value_lengths_to_be_between, kwargs: {{column: note, max_value: 1}}, severity: warning}}
  - {{code: COMMON, type: expect_column_most_common_value_to_be_in_set, severity: warning,
      kwargs: {{column: note, value_set: [a]}}}}
  - {{code: MOST, type: expect_column_max_to_be_between, kwargs: {{column: phone, max_value: 0}}, severity: warning}}
  - {{code: QUERY, type: unexpected_rows_expectation, severity: warning,
      kwargs: {{unexpected_rows_query: "SELECT note FROM {{batch}} WHERE note <> ''"}}}}
"""
ROWS = """\
  - {code: ROWS, type: expect_column_values_to_match_regex, kwargs: {column: email, regex: "^never"}, rows: quarantine}
"""
SUMMARY = """\
/*
target: {schema}.sums
description: Sums.
owner: owner@example.com
inputs:
  - table: {schema}.good
    checks: [{{code: CAST, sql: "SELECT SUM(CAST(note AS integer)) AS n FROM {schema}.good", at_least: 1}}]
*/
SELECT CAST(note AS integer) AS n, COUNT(*) AS people FROM {schema}.good GROUP BY note
"""
SHARED = """\
/*
target: {schema}.{name}
description: People by their note.
owner: owner@example.com
inputs: [{{table: {schema}.good}}]
columns:
  - {{name: note, type: varchar(60), nullable: false}}
  - {{name: people, type: bigint, metric: people}}
key: [note]
pii: {{note: hide}}
*/
SELECT note, COUNT(*) + {more} AS people FROM {schema}.good GROUP BY note
"""
METRICS = """\
metrics:
  people: {definition: How many., owner: owner@example.com, adds_up: sum}
"""
RESOURCE = """\
def people():
    yield [{"id": 1, "email": "MARKmail", "note": "MARKnote", "phone": 1}]
    raise ValueError("invalid literal for int(): MARKphone")
"""
XPATH = "SELECT id, email, note, EXTRACTVALUE(1, CONCAT('~', note)) AS phone FROM people"
"""What a MySQL server tells of it quotes the value."""
RECORDS = [
    {"id": 1, "email": "MARKmail", "note": {"MARKname": ["MARKnote"]}, "phone": "MARKphone"},
    {"id": "MARKid", "email": "MARKmail", "note": None, "phone": 1},
    {"id": 3, "email": ["MARKmail"], "note": "MARKnote", "MARKnew": 1},
]
ROTA = """\
timezone: UTC
people: {ana: {name: Ana, email: ana@example.com, slack: U0ANA}}
handover: "Monday 00:00"
starts: 2026-01-05
rotation: [ana]
"""


def csv(*lines: str) -> str:
    return "\n".join((HEADER, *lines)) + "\n"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Any]:
    """An S3 server with a queue that is told of what is put there."""
    stack = EmbeddedStack(tmp_path / "lake")
    state = stack.up(("s3",))
    keys = {
        "endpoint_url": state.s3_endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "a",
        "aws_secret_access_key": "b",
    }
    s3, sqs = boto3.client("s3", **keys), boto3.client("sqs", **keys)
    queue = sqs.create_queue(QueueName="put", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=state.s3_bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )

    def put(**texts: str) -> None:
        for name, text in texts.items():
            s3.put_object(Bucket=state.s3_bucket, Key=name.replace("__", "/") + ".csv", Body=text.encode())

    put(place__a=csv(*GOOD, "96,MARKmail,MARKnote,MARKphone"))
    yield SimpleNamespace(bucket=state.s3_bucket, endpoint=state.s3_endpoint, queue=queue, put=put)
    stack.down(purge=True)


@pytest.fixture
def planted(site: Any, web: Web, sink: Any, mail: Any, mysql: Any, lake: Any) -> Any:
    """The project, its sources, and settings full of secrets."""
    mysql.run("CREATE TABLE people (id INT, email VARCHAR(64), note VARCHAR(60), phone INT)",
              "INSERT INTO people VALUES (1, 'MARKmail@x.example', 'MARKnote', 7)")  # fmt: skip
    site.queue, site.put = lake.queue, lake.put
    url = urlsplit(str(site.state.warehouse_url))
    server = f"{url.hostname}:{url.port}{url.path}"
    for statement in (
        f"CREATE SCHEMA src_{site.schema}",
        f"CREATE TABLE src_{site.schema}.people (id integer, email text, note text, phone integer)",
        f"INSERT INTO src_{site.schema}.people VALUES (1, 'MARKmail@x.example', 'MARKnote', 7)",
    ):  # fmt: skip
        site.do(statement)
    files = site.folder / "files"
    files.mkdir()
    for name, text in {
        "good": csv(*GOOD), "type": csv(*GOOD, "90,a,b,MARKphone", "91,a,b,MARKphone2"), "rules": csv(*GOOD),
        "suite": csv(*GOOD), "doubled": csv(*GOOD, GOOD[0], GOOD[1]), "headless": "\n".join(GOOD) + "\n",
        "ragged": csv(*GOOD, "92,MARKragged,MARKragged,1,MARKragged", '93,"MARKopen,x,1'),
        "bytes": csv(*GOOD, "94,MARK\udcff,MARK,1"),
    }.items():  # fmt: skip
        (files / f"{name}.csv").write_bytes(text.encode(errors="surrogateescape"))
    web.put("/refused?token=MARKtoken", "MARKbody says no", status=401)
    web.put("/broken?token=MARKtoken", "MARKbody: database of MARKname is down", status=500)
    web.put("/cut?token=MARKtoken", csv(*GOOD), cut=200)
    web.put("/text?token=MARKtoken", "MARKbody is no JSON")
    web.put("/odd/people", json.dumps(RECORDS))
    web.put("/api/people", '{"error": "MARKbody: no such person MARKname"}', status=403)
    near = f"http://127.0.0.1:{urlsplit(web.base).port}"
    sources = {
        **{name: f'{{kind: csv, url: "file://{files}/{name}.csv"}}'
           for name in ("good", "type", "rules", "suite", "doubled", "headless", "ragged", "bytes")},
        "cast": f"{{kind: postgres, connection: db, query: 'SELECT id, email, CAST(note AS integer) AS note, phone FROM "
                f"src_{site.schema}.people'}}",
        "login": f"{{kind: postgres, connection: wrong, query: 'SELECT id, email, note, phone FROM src_{site.schema}.people'}}",
        "raw": f"{{kind: postgres, connection: raw, query: 'SELECT id, email, note, phone FROM src_{site.schema}.people'}}",
        "mysql": "{kind: mysql, connection: my, query: 'SELECT id, email, note, phone FROM people'}",
        **{name: f"{{kind: csv, connection: {name}, url: /{name}}}" for name in ("refused", "broken", "cut")},
        "text": "{kind: json, connection: text, url: /text}",
        "rest": "{kind: rest, connection: api, url: /api/people}",
        "records": "{kind: rest, connection: odd, url: /odd/people}",
        "xpath": f'{{kind: mysql, connection: shop, query: "{XPATH}"}}',
        "resource": "{kind: dlt, resource: 'people_of_theirs:people'}",
        "each": f"{{kind: csv, url: 's3://{lake.bucket}/each/', objects: each}}",
        "place": f"{{kind: csv, url: 's3://{lake.bucket}/place/'}}",
        "bynote": f'{{kind: csv, url: "file://{files}/good.csv"}}',
    }  # fmt: skip
    project = site.folder / "project"
    for folder in ("tables", "suites", "summaries"):
        (project / folder).mkdir(parents=True)
    for name, source in sources.items():
        key = {"doubled": "email", "bynote": "note"}.get(name, "id")
        mode = {"each": "merge, tolerance: 1%", "place": "full_refresh, stage: in_place"}.get(
            name, "full_refresh, tolerance: 1%"
        )
        (project / "tables" / f"{name}.yaml").write_text(
            f"table: {site.schema}.{name}\n{COLUMNS.replace(*OTHER.get(name, ('', '')))}source: {source}\nkey: [{key}]\n"
            f"load: {{mode: {mode}}}\n"
        )
    for name in ("suite", "rules"):
        (project / "suites" / f"{name}.yaml").write_text(
            SUITE.format(schema=site.schema, name=name) + (ROWS if name == "rules" else "")
        )
    (project / "summaries" / "sums.sql").write_text(SUMMARY.format(schema=site.schema))
    for name, more in (("counted", 0), ("counted_more", 1)):
        (project / "summaries" / f"{name}.sql").write_text(SHARED.format(schema=site.schema, name=name, more=more))
    (project / "metrics.yaml").write_text(METRICS)
    (project / "people_of_theirs.py").write_text(RESOURCE)
    (project / "oncall.yaml").write_text(ROTA)
    (project / "connections.yaml").write_text("connections: {db: {is_warehouse: true}}\n")
    site.more |= {
        "HEADGATE_PII_KEY": "MARK" + "k" * 40,
        "HEADGATE_CONNECTION_DB": str(site.state.warehouse_url),
        "HEADGATE_CONNECTION_WRONG": f"postgresql://nobody:{quote('MARK/p@ss', safe='')}@{server}",
        "HEADGATE_CONNECTION_RAW": f"postgresql://nobody:{quote('MARK#raw', safe='')}@127.0.0.1:1/none",
        "HEADGATE_CONNECTION_MY": f"mysql://reader:{quote('MARK/my', safe='')}@127.0.0.1:1/people",
        **{f"HEADGATE_CONNECTION_{name.upper()}": f"{near}/?token=MARKtoken"
           for name in ("refused", "broken", "cut", "text")},
        "HEADGATE_CONNECTION_ODD": near, "HEADGATE_CONNECTION_SHOP": mysql.url, "AWS_ENDPOINT_URL": lake.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "HEADGATE_CONNECTION_API": f"http://user:MARKbasic@127.0.0.1:{urlsplit(web.base).port}",
        "HEADGATE_NOTIFY_OPS": f"slack+http://{urlsplit(sink.url).netloc}/services/T0/B0/MARKhook",
        "HEADGATE_NOTIFY_DEAD": "smtps://loader:MARKsmtp@127.0.0.1:1/?from=headgate@example.com",
        "HEADGATE_NOTIFY_MAIL": mail.address(),
        "AWS_ACCESS_KEY_ID": "MARKAWSID", "AWS_SECRET_ACCESS_KEY": "MARKawssecret", "AWS_SESSION_TOKEN": "MARKawstoken",
    }  # fmt: skip
    return site


ODD = "MARKraw/MARKraw#MARKraw?MARKraw@MARKraw%zz"
"""A password as generators make it, put into an address as it is."""


def told(site: Any, *arguments: str, **environment: str) -> str:
    """What a command says, however it ends."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flows", *arguments], env=site.environment | environment, cwd=site.folder,
        capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    return f"{done.stdout}\n{done.stderr}"


PASSING = ("broken", "cut", "mysql", "raw")
"""Tables whose failure may pass, so that it is tried again for minutes."""


def bounded(site: Any) -> Iterator[tuple[str, str]]:
    """Every kind of failure in few processes: of sources, rows, rules, suites, summaries and notices."""
    yield "check", told(site, "check", "--connect")
    names = [file.stem for folder in ("tables", "summaries") for file in (site.folder / "project" / folder).iterdir()]
    yield "run", told(site, "run", *sorted(set(names) - {*PASSING, "each"}))
    # Only now, so that nothing but the message can have led to them.
    site.put(each__a=csv(*GOOD, "95,MARKmail,MARKnote,MARKphone"), each__b="\n".join(GOOD) + "\n")
    yield "listen", told(site, "listen", site.queue, "--once")
    site.do(f"UPDATE {site.schema}.bynote SET note = 'MARKnote of nobody' WHERE id = 1")
    yield "reconcile", told(site, "reconcile", "bynote")
    yield "watch", told(site, "watch")
    yield "odd", told(site, "run", "raw", HEADGATE_CONNECTION_RAW=f"postgresql://nobody:{ODD}@127.0.0.1:1/none")


def whole(site: Any) -> Iterator[tuple[str, str]]:
    """All the rest: servers that refuse, every command that shows something, workers, forms."""
    url = urlsplit(str(site.state.warehouse_url))
    wrong = url._replace(netloc=f"{url.username}:{quote('MARK/wh', safe='')}@{url.hostname}:{url.port}").geturl()
    odd = f"postgresql://{url.username}:{ODD}@{url.hostname}:{url.port}{url.path}"
    yield from bounded(site)
    with ThreadPoolExecutor(len(PASSING)) as pool:
        yield from zip(
            (f"run of {name}" for name in PASSING), pool.map(partial(told, site, "run"), PASSING), strict=True
        )
    for number, address in enumerate((wrong, odd)):
        for command in (("run", "good"), ("plan",), ("check", "--connect"), ("watch",), ("incident", "list")):
            yield f"warehouse {number} {command}", told(site, *command, HEADGATE_WAREHOUSE_URL=address)
    dead = {"HEADGATE_STAGE_URL": "s3://MARKbucket/x?secret=MARKstage".replace("MARKbucket", "bucket"),
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}  # fmt: skip
    yield "stage", told(site, "run", "good", "--full-refresh", **dead)
    yield "debug", told(site, "run", "cast", "login", HEADGATE_DEBUG="yes")
    site.headgate("deploy")
    worker = site.worker("one")
    for run in (site.start(f"load/{site.schema}.cast"), site.start(f"load/{site.schema}.suite"),
                site.start("watch/loads and promises")):  # fmt: skip
        site.ended(run)
    worker.terminate()
    worker.wait(timeout=60)
    ids = [
        str(row[0]) for row in site.ask(f"SELECT run_id FROM ops.run WHERE target LIKE '{site.schema}.%' ORDER BY 1")
    ]
    for run_id in ids[:40:4]:
        yield f"show {run_id}", told(site, "show", run_id)
    for command in (
        ("show", "--json"), ("plan", "--json"), ("check", "--live"), ("settings",), ("incident", "list", "--json"),
        ("quarantine", "list"), ("quarantine", "show", "type"), ("quarantine", "show", "rules", "--csv"),
        ("summary", "try", "sums"), ("report", "build"), ("review",), ("peek", "connection:raw", "--table", "a.b"),
        ("peek", "connection:wrong", "--table", "a.b"), ("peek", "connection:broken"), ("lineage", "good.note"),
        ("plan", "counted"), ("suite", "backtest", "good"), ("reconcile", "bynote", "--json"),
        ("reconcile", "good"), ("erase", "good", "--key", "email=x", "--plan"), ("retry", ids[0]),
        ("publish", ids[1], "--override", "TOLERANCE", "--reason", "r", "--expires", "1h"),
    ):  # fmt: skip
        yield " ".join(command), told(site, *command)


@pytest.mark.parametrize("story", [bounded, pytest.param(whole, marks=pytest.mark.story)])
def test_no_secret_and_no_personal_value_stands_anywhere(planted: Any, sink: Any, mail: Any, story: Any) -> None:
    sink.plan = [500, 500]
    heard = list(story(planted))
    run = next(text for name, text in heard if name == "run")
    codes = {failure["code"] for failure in _failures(planted)}
    wanted = {"TOLERANCE", "CHECK-FAILED", "HEADER", "SOURCE-LOGIN", "SOURCE-QUERY", "DLT-RESOURCE"}
    assert codes >= wanted, (codes, run[-4000:])
    assert "1 missing, 1 surplus" in dict(heard)["reconcile"], dict(heard)["reconcile"]
    assert "METRIC-PEOPLE" in run, run[-4000:]
    listened = dict(heard)["listen"]
    assert ("NOT-INTEGER" in listened, "[HEADER]" in listened) == (True, True), listened[-4000:]
    places = [*heard, *_files(planted), *_prefect(planted), *_ops(planted)]
    places += [("slack", json.dumps(request["body"], ensure_ascii=False)) for request in sink.requests]
    places += [("mail", message.as_string()) for message in mail.messages]
    assert {kind.split()[0] for kind, _ in places} >= {"run", "state", "ops", "prefect", "slack", "mail"}
    assert sum(len(text) for _, text in places) > 200_000, "the story said nothing"
    found = {kind: _around(text) for kind, text in places if MARK in text}
    assert found == {}, json.dumps(found, indent=1)[:6000]


def _failures(site: Any) -> Sequence[dict[str, Any]]:
    files = (site.folder / "state" / "runs").rglob("*.json")
    records = [json.loads(file.read_text()) for file in files]
    return [record["failure"] for record in records if record.get("failure")]


def _around(text: str) -> list[str]:
    at = [n for n in range(len(text)) if text.startswith(MARK, n)]
    return [text[max(0, n - 160) : n + 80] for n in at[:2]]


def _files(site: Any) -> Iterator[tuple[str, str]]:
    """State, spool, outbox, pages and logs; not the sources, and not the stage, which holds the rows themselves."""
    for top in ("state", "prefect"):
        for file in (site.folder / top).rglob("*"):
            if file.is_file():
                yield f"{top} {file.relative_to(site.folder)}", file.read_bytes().decode(errors="replace")
    for file in site.folder.glob("*.log"):
        yield f"log {file.name}", file.read_text(errors="replace")
    assert not [file for file in (site.folder / "state").rglob("*.csv") if "spool" in file.parts]


def _prefect(site: Any) -> Iterator[tuple[str, str]]:
    """Runs with parameters and states, tasks, logs, artifacts, deployments, blocks, events."""
    for kind in (
        "flow_runs",
        "task_runs",
        "logs",
        "artifacts",
        "deployments",
        "block_documents",
        "variables",
        "events",
    ):
        path, offset = f"{kind}/filter", 0
        while True:
            body = {} if kind == "events" else {"limit": 200, "offset": offset}
            found = site.api(path, body)
            rows = found["events"] if isinstance(found, dict) else found
            yield f"prefect {kind} {offset}", json.dumps(rows, ensure_ascii=False)
            offset += 200
            if kind == "events" or len(rows) < 200:
                break


def _ops(site: Any) -> Iterator[tuple[str, str]]:
    """Every table of `ops`, and what the warehouse says of columns that are hashed: the rows themselves have no address."""
    with psycopg2.connect(site.state.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                       "WHERE nspname = 'ops' AND relkind = 'r'")  # fmt: skip
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM ops."{name}"')
            yield f"ops {name}", "\n".join(map(str, cursor.fetchall()))
        cursor.execute(f"SELECT email FROM {site.schema}.good")
        yield "hashed", "\n".join(str(row) for row in cursor.fetchall())
    connection.close()


def test_the_search_finds_what_is_there(planted: Any) -> None:
    """What finds nothing may look at nothing: a mark in each kind of place is found."""
    (planted.folder / "state" / "outbox").mkdir(parents=True)
    (planted.folder / "state" / "outbox" / "letter.json").write_text(json.dumps({"a": "MARKletter"}))
    found = [name for name, text in _files(planted) if MARK in text]
    assert found == [f"state {Path('state/outbox/letter.json')}"]
    assert _around("x" * 300 + "MARKx") == ["x" * 160 + "MARKx"]
