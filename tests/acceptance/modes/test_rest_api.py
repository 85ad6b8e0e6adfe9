"""The answers of a survey tool, loaded from its API: full and by windows, counted, killed in the middle and run again."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.tasks.sources.paged_api import Asked, PagedApi, Said

RESPONSES = """
description: One row per answer to the survey.
owner: a@example.com
source:
  kind: rest
  connection: survey
  url: /survey_responses.json
  params: {since: "{window.start:epoch}", until: "{window.last:epoch}"}
  paging: {kind: page, size: 40, size_param: per_page}
  fields: {email: person.email, city: person.properties.city}
window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: score, type: smallint, nullable: false}
  - {name: comment, type: varchar(200)}
  - {name: email, type: varchar(100)}
  - {name: city, type: varchar(40)}
  - {name: tags, type: varchar(200)}
  - {name: created_at, type: timestamptz, nullable: false}
key: [id]
load: {mode: replace_window, window_column: created_at}
"""
ALL = (
    RESPONSES.replace('  params: {since: "{window.start:epoch}", until: "{window.last:epoch}"}\n', "")
    .replace("window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}\n", "")
    .replace("replace_window, window_column: created_at", "full_refresh")
)
FIRST = datetime(2023, 12, 31, 15, tzinfo=UTC)
EVERY = timedelta(minutes=10)


def answer_of(number: int) -> dict[str, Any]:
    at = FIRST + EVERY * number
    person = {"email": f"p{number}@example.com", "properties": {"city": "서울"} if number % 3 else None}
    return {"id": number, "score": number % 11, "comment": None if number % 5 else 'good, "really"', "person": person,
            "tags": ["nps", number], "created_at": at.isoformat(), "updated_at": at.isoformat()}  # fmt: skip


class SurveyTool(PagedApi):
    """Three days of answers, in pages, for who has the key. `until` is inclusive, as its makers say."""

    def __init__(self) -> None:
        super().__init__(self.responses)
        self.answers = [answer_of(number) for number in range(432)]

    def responses(self, asked: Asked) -> Said:
        if asked.headers.get("Authorization") != "Basic a2V5LW9mLXRoZWlyczo=":
            return Said({"error": "who are you?"}, 401)
        since, until = float(asked.query.get("since", 0)), float(asked.query.get("until", 1e12))
        found = [one for one in self.answers if since <= datetime.fromisoformat(one["created_at"]).timestamp() <= until]
        page, size = int(asked.query["page"]), int(asked.query["per_page"])
        return Said(found[(page - 1) * size : page * size])


@pytest.fixture
def tool() -> Iterator[SurveyTool]:
    made = SurveyTool()
    yield made
    made.close()


@pytest.fixture
def survey(house: Any, tool: SurveyTool) -> Any:
    connection = {"survey": tool.with_login("key-of-theirs")}
    house.place.settings = replace(house.place.settings, connections=connection)
    return house


def test_a_day_at_a_time_and_again(survey: Any, tool: SurveyTool) -> None:
    table = survey.declare("responses", RESPONSES)
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        assert survey.load(table, day).accounting == "extracted 144 = published 144 + quarantined 0 + superseded 0"
    assert [int(asked.query["page"]) for asked in tool.asked] == [1, 2, 3, 4, 5] * 3
    assert survey.rows(table, "count(*), min(id), max(id), count(DISTINCT id)") == [(432, 0, 431, 432)]
    assert survey.rows(table, "id, score, comment, email, city, tags")[:2] == [
        (0, 0, 'good, "really"', "p0@example.com", None, '["nps",0]'), (1, 1, None, "p1@example.com", "서울", '["nps",1]'),
    ]  # fmt: skip
    # An answer that came later, and one that its owner took back.
    tool.answers[150]["score"] = 10
    del tool.answers[151]
    assert survey.load(table, "2024-01-02", reprocess=True).counts["published"] == 143
    assert survey.rows(table, "count(*)") == [(431,)]
    assert survey.rows(table, "id, score")[150:152] == [(150, 10), (152, 152 % 11)]


def test_all_of_it_whole(survey: Any, tool: SurveyTool) -> None:
    table = survey.declare("responses", ALL)
    assert survey.load(table).accounting == "extracted 432 = published 432 + quarantined 0 + superseded 0"
    assert survey.load(table).status == "unchanged"
    tool.answers.append(answer_of(432) | {"score": "ten"})
    tool.answers.append(answer_of(433) | {"person": "p433@example.com"})
    assert survey.load(table).accounting == "extracted 434 = published 432 + quarantined 2 + superseded 0"
    aside = f"SELECT code, raw FROM quarantine.{survey.schema}__responses ORDER BY code"
    [(first, raw), (second, _)] = survey.place.ask(aside)
    assert (first, second) == ("NOT-AN-OBJECT", "NOT-INTEGER")
    assert '"person":"p433@example.com"' in raw


def killed_on_page(house: Any, tool: SurveyTool, table: str, page: int) -> int:
    """A process of its own loads a window and dies while that page is answered; its exit code."""
    child = os.fork()
    if child == 0:
        try:
            house.open()
            house.load(table, "2024-01-02")
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def kills(asked: Asked) -> Said:
        if asked.query["page"] == str(page):
            os.kill(child, signal.SIGKILL)
        return tool.responses(asked)

    tool.answer = kills
    _, status = os.waitpid(child, 0)
    tool.answer = tool.responses
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_killed_in_the_middle_of_the_pages(survey: Any, tool: SurveyTool) -> None:
    table = survey.declare("responses", RESPONSES)
    survey.load(table, "2024-01-01")
    for page in (1, 3, 5):
        assert killed_on_page(survey, tool, table, page) == -signal.SIGKILL
        assert survey.rows(table, "count(*)") == [(144,)]
    survey.load(table, "2024-01-02")
    assert survey.rows(table, "count(*), count(DISTINCT id), max(id)") == [(288, 288, 287)]
    assert len(survey.proofs(table)) == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_lie_on_a_later_page_publishes_nothing(survey: Any, tool: SurveyTool) -> None:
    table = survey.declare("responses", RESPONSES)
    tool.answer = lambda asked: tool.responses(replace(asked, query=asked.query | {"page": "2"}))
    with pytest.raises(HeadgateError) as caught:
        survey.load(table, "2024-01-01")
    assert caught.value.code == "PAGE-REPEATED"
    assert survey.place.ask("SELECT to_regclass(%s)", (table,)) == [(None,)]


@pytest.mark.effect("RestSource.on_missing", "RestSource.on_missing=fail", "RestSource.on_missing=empty")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_day_without_answers(survey: Any, tool: SurveyTool) -> None:
    table = survey.declare("responses", RESPONSES)
    with pytest.raises(HeadgateError, match="answers that there is no record") as caught:
        survey.load(table, "2024-01-09")
    assert (caught.value.code, "on_missing: empty" in str(caught.value.next_command)) == ("EMPTY-ANSWER", True)
    table = survey.declare("responses", RESPONSES.replace("  kind: rest", "  kind: rest\n  on_missing: empty"))
    assert survey.load(table, "2024-01-09").counts["published"] == 0
    tool.answer = lambda _: Said(status=404)
    with pytest.raises(HeadgateError) as caught:
        survey.load(table, "2024-01-08")
    assert caught.value.code == "NOT-PROVEN-EMPTY"
    tool.answer = lambda asked: Said(status=404) if asked.query["since"] == "1704639600" else tool.responses(asked)
    assert survey.load(table, "2024-01-08").counts["published"] == 0
