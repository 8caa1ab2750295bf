"""The cost sheet counts from finished jobs where there are any, and says where there are none."""

import pytest

from habitat_radiomics.cost import cost_report, cost_rows


def waiting(rule, count, *, threads=1, mem_mb=3000, runtime=30):
    return [{"rule": rule, "threads": threads, "resources": {"mem_mb": mem_mb, "runtime": runtime}}] * count


def finished(rule, seconds, *, size=2_000_000, max_rss_mb=None):
    return {"rule": rule, "seconds": seconds, "bytes": size, "max_rss_mb": max_rss_mb}


def test_finished_jobs_give_hours_memory_and_disk():
    done = [finished("extract_features", 30, max_rss_mb=250), finished("extract_features", 42, max_rss_mb=400)]
    (row,) = cost_rows(waiting("extract_features", 100), done)
    assert row["core hours"] == pytest.approx(1.0)
    assert (row["memory (MB)"], row["disk (MB)"], row["jobs"]) == (400, pytest.approx(200), 100)
    assert row["basis"] == "2 finished jobs"


def test_a_step_that_never_ran_counts_with_its_limits():
    (row,) = cost_rows(waiting("fit_habitats", 2, threads=2, mem_mb=4000, runtime=30), [])
    assert (row["core hours"], row["memory (MB)"], row["disk (MB)"]) == (2.0, 4000, None)
    assert row["basis"] == "limits asked for"


def test_memory_that_was_not_measured_is_what_is_asked_for():
    (row,) = cost_rows(waiting("fit_model", 1, mem_mb=2000), [finished("fit_model", 5)])
    assert row["memory (MB)"] == 2000


def test_the_sheet_ends_with_its_totals_and_what_is_not_known():
    rows = cost_rows(waiting("extract_features", 100) + waiting("fit_model", 1), [finished("extract_features", 36)])
    report = cost_report(rows, cores=4)
    assert report[-2].startswith("101 jobs, 1.5 core hours, 0.4 h or more on 4 cores; up to 3000 MB for a job; 0.2 GB")
    assert report[-1].startswith("No job of 1 of 2 steps has finished yet")
    assert len({line.rindex("  ") for line in report[:3]}) == 1


def test_nothing_costs_nothing():
    assert cost_report([], cores=2) == ["Nothing would run."]
