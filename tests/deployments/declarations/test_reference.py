"""The reference of all keys is what the models say; a key without a word of its meaning is a mistake of ours."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from deployments.declarations.reference import PAGES, files, models

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


def test_the_pages_are_up_to_date() -> None:
    written = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert written == files(), "next: make docs"


@pytest.mark.parametrize("name", PAGES)
def test_every_key_has_a_meaning(name: str) -> None:
    for title, model in models(PAGES[name]).items():
        silent = [key for key, info in model.model_fields.items() if not info.description and key != "kind"]
        assert silent == [], title


@pytest.mark.parametrize("name", PAGES)
def test_every_key_stands_in_its_page_and_in_the_schema(name: str) -> None:
    page, schema = files()[f"{name}.md"], json.loads(files()[f"{name}.schema.json"])
    known = {"": schema, **schema.get("$defs", {})}
    for title, model in models(PAGES[name]).items():
        for key, info in model.model_fields.items():
            if (title, key) != ("Summary", "sql"):
                assert f"| `{info.alias or key}` |" in page
                assert (info.alias or key) in known.get(title, schema)["properties"]


def test_every_choice_is_written_out() -> None:
    page = files()["table.md"]
    for word in ("`full_refresh`", "`compare_keys`", "`in_place`", "`evolve`", "`preset`", "`hide`", "`diststyle`"):
        assert word in page


def test_every_model_of_a_declaration_is_reached() -> None:
    from deployments.declarations.model import Declared

    # It reads one key of a page (`source` of a table), and adds none.
    importlib.import_module("tasks.sources.spoken_file")
    part_of_a_page = {"_File"}
    reached = {model for root in PAGES.values() for model in models(root).values()}

    def below(model: type[BaseModel]) -> list[type[BaseModel]]:
        return [inside for child in model.__subclasses__() for inside in (child, *below(child))]

    bases = {model for model in below(Declared) if model.__subclasses__()}
    assert {model.__name__ for model in below(Declared) if model not in reached | bases} == part_of_a_page
