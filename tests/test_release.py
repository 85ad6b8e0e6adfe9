"""`make release`: what is delivered, what is in it, and the hashes to hold both against."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.test_requirements import pins

ROOT = Path(__file__).parents[1]


@pytest.mark.story
def test_a_release_says_what_is_in_it(tmp_path: Path) -> None:
    subprocess.run(["make", "release", f"DIST={tmp_path}"], cwd=ROOT, check=True, timeout=900)
    sums = dict(line.split("  ")[::-1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines())
    made = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}
    made.pop("SHA256SUMS")
    assert sums == made
    assert {Path(name).suffix for name in sums} == {".whl", ".gz", ".json"}
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "headgate")
    listed = {(part["name"], part["version"]) for part in bill["components"]}
    assert listed == {(pin.name, next(iter(pin.specifier)).version) for pin in pins("requirements.txt")}
    hashed = [part["name"] for part in bill["components"] if part["externalReferences"][0]["hashes"]]
    assert len(hashed) == len(bill["components"])
