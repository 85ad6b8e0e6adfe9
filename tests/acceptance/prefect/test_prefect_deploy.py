"""`prefect deploy` with the file we write makes what `headgate deploy` makes, but for what the forms look like."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.story


def test_the_same_deployments(site: Any) -> None:
    site.write(days=1)
    file = site.folder / "prefect.yaml"
    site.headgate("deploy", "--pool", "by-file", "--write", str(file))
    prefect = [sys.executable, "-P", "-m", "prefect", "--no-prompt"]
    for command in (["work-pool", "create", "by-file", "--type", "process"],
                    ["deploy", "--all", "--prefect-file", str(file)]):  # fmt: skip
        done = subprocess.run(
            [*prefect, *command], env=site.environment, cwd=site.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    changes = json.loads(site.headgate("deploy", "--pool", "by-file", "--plan", "--json").stdout)["changes"]
    assert {change["kind"] for change in changes} <= {"same", "changed"}
    left = {line.split(":")[0] for change in changes for line in change["what"]}
    assert left <= {"table choices", "parameters of the form"}
