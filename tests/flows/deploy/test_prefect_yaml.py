"""The committed prefect.yaml of the shop is what `headgate deploy` would make."""

from __future__ import annotations

from deployments.project import SHOP, load_project
from flows.deploy.prefect_yaml import prefect_yaml
from flows.deploy.wanted import wanted


def test_the_committed_file_is_up_to_date() -> None:
    committed = (SHOP.parent / "prefect.yaml").read_text(encoding="utf-8")
    assert committed == prefect_yaml(wanted(load_project(SHOP)), "headgate"), (
        "next: HEADGATE_PROJECT=deployments/shop headgate deploy --write deployments/prefect.yaml"
    )
