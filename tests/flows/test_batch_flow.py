"""Parameters of a batch's flow are sent as they are, without the library that Prefect imports for it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest
from prefect import Flow

from flows.ingest import ingest
from flows.override import publish_override
from flows.replay import replay
from flows.summarize import summarize


def test_texts_and_booleans_need_no_library() -> None:
    asked = {"table": "raw.t", "window": "2024-01-01", "code": None, "reprocess": True}
    code = f"import sys; from flows.ingest import ingest; print(ingest.serialize_parameters({asked}), 'fastapi' in sys.modules)"
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == f"{asked} False"


@pytest.mark.parametrize("flow", [ingest, summarize, replay, publish_override], ids=lambda flow: str(flow.name))
def test_what_isnt_plain_goes_prefects_way(flow: Flow[..., object]) -> None:
    assert flow.serialize_parameters({"table": "raw.t", "day": date(2024, 1, 1)}) == {
        "table": "raw.t",
        "day": "2024-01-01",
    }
    assert flow.serialize_parameters({"window": None}) == {"window": None}
