"""The benchmarks still run with the code they measure."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import bootstrap_chain
import harness
import rows_features
import run
import study
import two_group_tests


def test_a_chunk_of_the_bootstrap_benchmark_is_the_same_alone_and_with_others(monkeypatch):
    monkeypatch.setattr(bootstrap_chain, "FEATURES", 300)
    for chain in bootstrap_chain.CHAINS:
        asked = {"chain": chain, "scores": "apparent"}
        both, seconds = bootstrap_chain.compute_chunk(range(1, 3), **asked)
        alone, _ = bootstrap_chain.compute_chunk(range(2, 3), **asked)
        second = both.predictions.query("replicate == 2").reset_index(drop=True)
        pd.testing.assert_frame_equal(second, alone.predictions, check_exact=True)
        assert seconds > 0


def test_both_ways_to_choose_between_t_and_u_choose_alike():
    generator = np.random.default_rng(0)
    X, y = np.exp(generator.normal(size=(60, 40)) * np.linspace(0.1, 1, 40)), np.arange(60) % 2
    np.testing.assert_allclose(two_group_tests.before(X, y), two_group_tests.now(X, y), rtol=1e-12)


def comparison(**changes):
    """Ours adds up fewer numbers than theirs."""
    same = {"step": "a sum", "library": "numpy", "differ": lambda theirs, ours: f"{theirs - ours:.0f}"}
    times = {"theirs": lambda: np.ones(4_000_000).sum(), "ours": lambda: np.ones(1000).sum(), "goal_s": 5.0}
    return harness.Comparison(**{**same, **times, **changes})


def test_a_comparison_measures_both_and_says_whether_the_goal_is_met():
    row = harness.measure(comparison())
    assert row.ratio > 1
    assert row.theirs_mb > 20 > row.ours_mb
    assert row.difference == "3999000"
    assert row.met
    assert not harness.measure(comparison(goal_ratio=1e9)).met
    assert not harness.measure(comparison(goal_s=0.0)).met
    assert not harness.measure(comparison(goal_mb=1.0)).met  # the interpreter alone takes more
    part = harness.measure(comparison(share=0.01, our_share=0.001))
    assert part.theirs_s > 20 * row.theirs_s
    assert "(1 % measured)" in harness.as_table([part])
    assert "(0.1 % measured)" in harness.as_table([part])


def test_processes_that_a_step_starts_count_as_its_cpu_seconds():
    burn = "sum(i * i for i in range(2_000_000))"
    _, seconds, _ = harness.timed(lambda: subprocess.run([sys.executable, "-c", burn], check=True))
    assert seconds > 0.05


def test_the_table_has_a_line_for_each_row_and_dashes_for_a_library_that_is_not_there():
    rows = [harness.measure(comparison()), harness.measure(comparison(theirs=None, differ=lambda _, ours: str(ours)))]
    head, _, both, alone = harness.as_table(rows).splitlines()
    assert len({line.count("|") for line in (head, both, alone)}) == 1
    assert "| - |" in alone
    assert alone.endswith("| 1000.0 | 5 s | yes |")


def test_the_arithmetic_of_a_study_is_cost_times_number_and_needs_every_part():
    names = {row for _, row in run.named_rows([])}
    assert {name for name, _, _ in study.PARTS} <= names
    row = harness.measure(comparison())
    rows = {name: dataclasses.replace(row, ours_s=3600 / times) for name, _, times in study.PARTS}
    assert f"| all | | | {len(study.PARTS):.2f} | |" in study.study_table(rows)
    del rows["registration"]
    assert study.study_table(rows) == ""


def test_rows_are_found_by_words_and_every_module_lists_its_own():
    assert ("rows_statistics", "rank_sum") in run.named_rows([])
    assert [name for _, name in run.named_rows(["n4"])] == ["n4_native", "n4_shrink_4", "n4_shrink_2"]


def test_a_row_runs_and_agrees():
    row = run.measure_row("rows_statistics", "intraclass_correlation")
    assert row.difference.startswith("ICC at most ")
    assert float(row.difference.split()[-1]) < 1e-12


def test_both_ways_to_extract_features_give_equal_values(monkeypatch):
    for name, small in (("VOLUME", (20, 26, 28)), ("VOXELS", 900), ("SHELL_MM", 2), ("PAD", 4)):
        monkeypatch.setattr(rows_features, name, small)
    for cached in (rows_features.scan, rows_features.cropped_scan):
        cached.cache_clear()
    for make in (rows_features.five_regions_cropped, rows_features.texture_of_30000_voxels):
        pair = make()
        found = pair.differ(pair.theirs(), pair.ours())
        assert ", 0 differ by more than 1e-6, largest" in found
    rows_features.scan.cache_clear()
    rows_features.cropped_scan.cache_clear()
