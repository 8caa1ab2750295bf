"""Reader of R's answers: ``Oracle("roc_asah").check("auc_delong.wfns", auc=0.82)``."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent


class Oracle:
    """The cases of one fixture (a statistic on a data set), each with the R call, a tolerance and values."""

    def __init__(self, fixture):
        self.document = json.loads((FOLDER / "expected" / f"{fixture}.json").read_text(encoding="utf-8"))
        self.cases = {case["id"]: case for case in self.document["cases"]}

    def __getitem__(self, case):
        """R's values of a case, a dict."""
        return self.cases[case]["values"]

    def table(self, number=0):
        """The data set R was given (the number-th where there are several)."""
        name = self.document["dataset"]["file"][number].split(" ")[0]
        return pd.read_csv(FOLDER / "inputs" / name)

    def check(self, case, *, tolerance=None, **values):
        """Assert that the values equal R's of the same names."""
        tolerance = self.cases[case]["tolerance"] if tolerance is None else tolerance
        for name, value in values.items():
            assert_close(value, self[case][name], tolerance=tolerance, label=f"{case}, {name}")


def assert_close(value, expected, *, tolerance, label=""):
    """Assert equality within the tolerance: absolute below 1, relative above. R's NA and Inf are JSON null."""
    value = np.ravel(np.asarray(value, dtype=float))
    expected = np.array([np.nan if v is None else v for v in np.ravel(np.array(expected, dtype=object))], dtype=float)
    assert value.shape == expected.shape, f"{label}: {value.size} values, R has {expected.size}"
    known = np.isfinite(expected)
    assert not np.isfinite(value[~known]).any(), f"{label}: finite where R has none"
    excess = np.abs(value - expected)[known] / np.maximum(1, np.abs(expected[known]))
    assert (excess <= tolerance).all(), f"{label}: off by {excess.max():.3g}, tolerance {tolerance:g}"
