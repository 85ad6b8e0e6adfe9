"""The pinned requirements: every package with hashes, no address of an index, in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
FILES = {"requirements.txt": ("local",), "requirements-dev.txt": ("local", "dask", "notify", "dlt", "dev")}

ALL = [*FILES, "requirements-uv.txt", "requirements-release.txt"]


def pins(name: str) -> list[Requirement]:
    lines = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [Requirement(line.partition(" --hash")[0]) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", ALL)
def test_no_address_and_no_option_stands_in_it(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-(?!-hash=sha256:)|\s@\s|file:|^/", text, re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    lines = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line[:80]


@pytest.mark.parametrize(("name", "extras"), FILES.items())
def test_pins_are_what_the_project_asks_for(name: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(r for extra in extras for r in project["optional-dependencies"][extra])]
    pinned = {pin.name: pin for pin in pins(name)}
    for wanted in map(Requirement, asked):
        if wanted.name != project["name"]:
            version = next(iter(pinned[re.sub(r"[-_.]+", "-", wanted.name).lower()].specifier)).version
            assert wanted.specifier.contains(version), f"{wanted} but {version} is pinned: make requirements"


def test_both_files_pin_the_same_versions() -> None:
    base = {(pin.name, str(pin.specifier), str(pin.marker)) for pin in pins("requirements.txt")}
    there = {(pin.name, str(pin.specifier), str(pin.marker)) for pin in pins("requirements-dev.txt")}
    # An extra may need on every Python what the rest needs on some.
    assert {pin for pin in base if (*pin[:2], "None") not in there} <= there
