"""A tracker of issues with pages, and tables that read it by resources of dlt; loads in this process or killed in another."""

from __future__ import annotations

from typing import Any

from tests.acceptance.forked import forked
from tests.tasks.sources.paged_api import Asked as Request
from tests.tasks.sources.paged_api import PagedApi, Said

TOKEN = "t0ken-of-theirs"
TABLE = """
description: One row per issue.
owner: a@example.com
source:
  kind: dlt
  resource: {folder.name}_tracker:issues
  arguments: {{base: "{base}"}}
  secrets: {{token: tracker}}
  fields: {{mail: by.mail}}
columns:
  - {{name: id, type: bigint, nullable: false}}
  - {{name: amount, type: "decimal(30,10)"}}
  - {{name: mail, type: varchar(100)}}
  - {{name: tags, type: varchar(100)}}
  - {{name: updated_at, type: timestamptz, nullable: false}}
key: [id]
load: {{mode: MODE}}
"""
TRACKER = """
import dlt
from dlt.sources.helpers import requests

@dlt.resource
def issues(
    base, token: str = dlt.secrets.value, updated=dlt.sources.incremental("updated_at", initial_value="2026-01-01T00:00:00Z")
):
    page = 1
    while True:
        said = requests.get(f"{base}/issues", params={"since": updated.start_value, "page": page},
                            headers={"Authorization": f"Bearer {token}"})
        said.raise_for_status()
        yield said.json()["data"]
        if not said.json()["more"]:
            return
        page += 1
"""
REST_API = """
  resource: rest_api
  arguments:
    client: {{base_url: "{base}", auth: {{type: bearer}}}}
    resources:
      - name: other
        endpoint: {{path: other}}
      - name: issues
        endpoint:
          path: issues
          data_selector: data
          paginator: {{type: page_number, base_page: 1, total_path: null}}
          incremental: {{start_param: since, cursor_path: updated_at, initial_value: "2026-01-01T00:00:00Z"}}
  name: issues
  secrets: {{client.auth.token: tracker}}
"""
POINTS = ["extract-part", "copied", "judged", "publish-begun", "proof-locked", "quarantine-written", "before-commit",
          "after-commit", ""]  # fmt: skip


class Tracker(PagedApi):
    """Issues of a tracker, 40 a page, from a moment on, for who has the token."""

    def __init__(self) -> None:
        super().__init__(self.issues)
        self.rows: list[dict[str, Any]] = []
        self.came = 0

    def add(self, count: int) -> None:
        """So many issues come, later than those that are there."""
        for _ in range(count):
            n = self.came
            at = f"2026-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z"
            self.rows.append(
                {"id": n, "amount": f"{n}.10", "by": {"mail": f"p{n}@example.com"}, "tags": ["ü", n], "updated_at": at}
            )
            self.came += 1

    def issues(self, asked: Request) -> Said:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Said({"error": "who are you?"}, 401)
        found = [row for row in self.rows if row["updated_at"] >= asked.query.get("since", "")]
        page = int(asked.query.get("page", 1))
        return Said({"data": found[(page - 1) * 40 : page * 40], "more": page * 40 < len(found)})


def declared(house: Any, tracker: Tracker, mode: str, *edits: tuple[str, str]) -> str:
    text = TABLE.replace("MODE", mode)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    text = text.replace("{folder.name}", house.schema).replace("{base}", tracker.base)
    return str(house.declare("issues", text.replace("{{", "{").replace("}}", "}")))


def load(house: Any, table: str, *, at: str = "") -> int:
    """A process of its own loads it and dies at a point; 0, or minus the signal it died by."""
    return forked(house, at, lambda: house.load(table))


def ids(house: Any, table: str) -> list[int]:
    return [number for (number,) in house.rows(table, "id")]
