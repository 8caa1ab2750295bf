"""The benchmarks still run with the code they measure."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import bootstrap_chain
import extraction
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


def test_both_ways_to_extract_features_give_equal_values(monkeypatch):
    for name, small in (("VOLUME", (20, 26, 28)), ("VOXELS", 900), ("SHELL_MM", 2), ("PAD", 4)):
        monkeypatch.setattr(extraction, name, small)
    for cached in (extraction.scan, extraction.cropped_scan):
        cached.cache_clear()
    for make in (extraction.five_regions_cropped, extraction.texture_of_30000_voxels):
        pair = make()
        found = pair.differ(pair.theirs(), pair.ours())
        assert ", 0 differ by more than 1e-6, largest" in found
    extraction.scan.cache_clear()
    extraction.cropped_scan.cache_clear()
