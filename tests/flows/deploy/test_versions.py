"""A worker that isn't what the deployment was made from refuses to load."""

from __future__ import annotations

import pytest

from deployments.errors import DeclarationError
from flows.deployed import compare_versions


@pytest.mark.parametrize(
    ("deployed", "here"),
    [("0.1.0+abc", "0.1.0+abc"), ("0.1.0+abc", "0.2.0+abc"), ("0.9.0+abc", "0.10.0+abc"), ("0.1.0", "0.1.0+abc")],
)
def test_the_same_declaration_and_the_same_or_newer_software_go_on(deployed: str, here: str) -> None:
    compare_versions(deployed, here, "raw.sales")


@pytest.mark.parametrize(
    ("deployed", "here", "said"),
    [
        ("0.2.0+abc", "0.1.0+abc", "this worker runs headgate 0.1.0"),
        ("0.10.0+abc", "0.9.0+abc", "this worker runs headgate 0.9.0"),
        ("0.1.0+abc", "0.1.0+def", "declared otherwise on this worker"),
    ],
)
def test_others_refuse(deployed: str, here: str, said: str) -> None:
    with pytest.raises(DeclarationError, match=said) as refused:
        compare_versions(deployed, here, "raw.sales")
    assert refused.value.code == "OLD-WORKER"
