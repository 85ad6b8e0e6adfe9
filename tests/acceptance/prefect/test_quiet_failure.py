"""A run that fails at a terminal says what is wrong and what to type, and nothing else."""

from __future__ import annotations

from typing import Any


def test_a_failed_run_prints_no_traceback_and_no_word_of_a_library(site: Any) -> None:
    site.write(days=1)
    (site.folder / "files" / "2020-08-10.csv").write_text("id,day,amount\n" + "x,2020-08-10,1\n" * 50)
    done = site.headgate("run", "sales", check=False)
    assert done.returncode == 1
    assert "[TOLERANCE]" in done.stderr
    # The declaration has never worked: its engineer acts, not the source.
    assert "next: mend the declaration of" in done.stderr
    assert [word for word in ("Traceback", "nanobind", "ERROR") if word in done.stdout + done.stderr] == []


def test_a_run_from_the_terminal_is_found_by_its_table_on_prefects_page(site: Any) -> None:
    site.write(days=2)
    site.headgate("run", "sales")
    found = {run["name"] for run in site.runs("headgate", "tier:core", f"table:{site.table}")}
    assert found == {f"{site.table} 2020-08-10", f"{site.table} 2020-08-11"}
