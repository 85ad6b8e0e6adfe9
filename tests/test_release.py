"""`make release`: what is delivered, what is in it, where it is from, and who says so."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_requirements import pins

ROOT = Path(__file__).parents[1]


@pytest.mark.story
def test_a_release_says_what_is_in_it_where_it_is_from_and_who_made_it(tmp_path: Path) -> None:
    key, dist = tmp_path / "key", tmp_path / "dist"
    make_key(key)
    made_by = (f"DIST={dist}", f"RELEASE_KEY={key}", "RELEASE_BUILDER=urn:of:a:test")
    subprocess.run(["make", "release", *made_by], cwd=ROOT, check=True, timeout=900)
    assert verified(dist, key)
    made = whole(dist)
    bill = json.loads((dist / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "headgate")
    listed = {(part["name"], part["version"]) for part in bill["components"]}
    assert listed == {(pin.name, next(iter(pin.specifier)).version) for pin in pins("requirements.txt")}
    hashed = [part["name"] for part in bill["components"] if part["externalReferences"][0]["hashes"]]
    assert len(hashed) == len(bill["components"])
    stated(json.loads((dist / "provenance.json").read_text()), made)
    # A file that was exchanged, and hashes that were made to fit it.
    (dist / "sbom.cdx.json").write_text("{}")
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=dist, check=True, capture_output=True)
    sums = (dist / "SHA256SUMS").read_text()
    (dist / "SHA256SUMS").write_text(sums.replace(made["sbom.cdx.json"], hashlib.sha256(b"{}").hexdigest()))
    assert not verified(dist, key)


def make_key(file: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "releases", "-f", str(file)], check=True)


def verified(dist: Path, key: Path) -> bool:
    """What the docs tell who installs a release to type."""
    allowed = key.with_name("allowed_signers")
    allowed.write_text(f"releases {key.with_suffix('.pub').read_text()}")
    command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "releases", "-n", "headgate-release",
               "-s", str(dist / "SHA256SUMS.sig")]  # fmt: skip
    return subprocess.run(command, input=(dist / "SHA256SUMS").read_bytes(), capture_output=True).returncode == 0


def whole(dist: Path) -> dict[str, str]:
    """The hash of each delivered file, which stand in SHA256SUMS alike."""
    sums = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    made = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in dist.iterdir()}
    assert sums == {name: digest for name, digest in made.items() if not name.startswith("SHA256SUMS")}
    assert {Path(name).suffix for name in sums} == {".whl", ".gz", ".json"}
    return sums


def stated(statement: dict[str, Any], made: dict[str, str]) -> None:
    """The statement is about the files that are there, and the commit they are of."""
    subjects = {item["name"]: item["digest"]["sha256"] for item in statement["subject"]}
    assert subjects == {name: digest for name, digest in made.items() if name != "provenance.json"}
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    definition = statement["predicate"]["buildDefinition"]
    assert {"name": "source", "digest": {"gitCommit": commit}} in definition["resolvedDependencies"]
    assert statement["predicate"]["runDetails"]["builder"]["id"] == "urn:of:a:test"


def test_what_is_stated_is_about_the_files_that_are_there(tmp_path: Path) -> None:
    for name in ("a.whl", "b.tar.gz", "sbom.cdx.json", "SHA256SUMS"):
        (tmp_path / name).write_text(name)
    told = subprocess.run([sys.executable, ".ci/provenance", str(tmp_path), "urn:of:a:test"], cwd=ROOT, capture_output=True,
                          text=True, check=True)  # fmt: skip
    names = ("a.whl", "b.tar.gz", "sbom.cdx.json")
    stated(json.loads(told.stdout), {name: hashlib.sha256(name.encode()).hexdigest() for name in names})


def test_the_workflow_of_a_release_runs_what_is_pinned_and_holds_no_key() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action) for action in used)
    assert "secrets." not in text
