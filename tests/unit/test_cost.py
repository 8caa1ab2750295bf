"""The cost sheet counts from finished jobs where there are any, and says where there are none."""

import pytest

from habitat_radiomics.cost import cost_report, cost_rows, read_cost


def waiting(rule, count, *, threads=1, mem_mb=3000, runtime=30):
    return [{"rule": rule, "threads": threads, "resources": {"mem_mb": mem_mb, "runtime": runtime}}] * count


def finished(rule, seconds, *, memory_mb=250, size=2_000_000):
    return {"rule": rule, "seconds": seconds, "memory_mb": memory_mb, "bytes": size}


def test_finished_jobs_give_hours_memory_and_disk():
    done = [finished("extract_features", 30, memory_mb=250), finished("extract_features", 42, memory_mb=400)]
    (row,) = cost_rows(waiting("extract_features", 100), done)
    assert row["core hours"] == pytest.approx(1.0)
    assert (row["memory (MB)"], row["disk (MB)"], row["jobs"]) == (400, pytest.approx(200), 100)
    assert row["basis"] == "2 finished jobs"


def test_a_step_that_never_ran_counts_with_its_limits():
    (row,) = cost_rows(waiting("fit_habitats", 2, threads=2, mem_mb=4000, runtime=30), [])
    assert (row["core hours"], row["memory (MB)"], row["disk (MB)"]) == (2.0, 4000, None)
    assert row["basis"] == "limits asked for"


def test_other_studies_stand_in_for_a_step_that_never_ran_in_this_one():
    other = [{"rule": rule, "seconds": 7.2, "memory_mb": 90} for rule in ("fit_model", "extract_features")]
    rows = cost_rows(
        waiting("fit_model", 5) + waiting("extract_features", 1), [finished("extract_features", 36)], other
    )
    assert [row["core hours"] for row in rows] == pytest.approx([0.01, 0.01])
    assert [row["basis"] for row in rows] == ["1 jobs of other studies", "1 finished jobs"]
    assert rows[0]["disk (MB)"] is None
    assert "1 steps count as in other studies here" in cost_report(rows, cores=1)[-2]


def test_cost_is_read_from_the_end_of_a_log(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("a message\ncost: 1.47 CPU s, 178 MB\n")
    assert read_cost(log) == (1.47, 178)
    log.write_text("cost: 1.47 CPU s, 178 MB\nkilled\n")
    assert read_cost(log) is None
    assert read_cost(tmp_path / "absent.log") is None


def test_the_sheet_ends_with_its_totals_and_what_is_not_known():
    rows = cost_rows(waiting("extract_features", 100) + waiting("fit_model", 1), [finished("extract_features", 36)])
    report = cost_report(rows, cores=4)
    assert report[-3].startswith("101 jobs, 1.5 core hours, 0.4 h or more on 4 cores; up to 3000 MB for a job; 0.2 GB")
    assert report[-2:] == [
        "1 steps have never run here: they count with the most they may use, and without disk.",
        "Run one patient of this study to know better.",
    ]
    assert len({line.rindex("  ") for line in report[:3]}) == 1


def test_nothing_costs_nothing():
    assert cost_report([], cores=2) == ["Nothing would run."]
