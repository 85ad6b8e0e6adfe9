"""Who is asked to mend a batch that fails on a declaration which never worked."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.errors import ToleranceError
from tasks.batch import Batch


@pytest.mark.parametrize(("anew", "reasons", "family"), [
    (True, {"NOT-DECIMAL": 5}, "declaration"), (False, {"NOT-DECIMAL": 5}, "upstream"),
    (True, {"KEY-TWICE": 5}, "upstream"), (True, {"KEY-TWICE": 2, "NOT-DECIMAL": 2}, "declaration"),
])  # fmt: skip
def test_too_many_bad_rows(tmp_path: Path, anew: bool, reasons: dict[str, int], family: str) -> None:
    batch = Batch("raw.t", "source", "source", "t-1", "a", 0, None, Path(tmp_path), "stage", declared_anew=anew)
    with pytest.raises(ToleranceError) as caught, batch.attributed():
        raise ToleranceError("too many", code="TOLERANCE", next_command="headgate retry RUN", reasons=reasons)
    assert caught.value.family == family
