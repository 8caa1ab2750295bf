import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from habitat_radiomics.persist import load_object, save_object

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SAVE = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from habitat_radiomics.persist import save_object
X = np.random.default_rng(0).normal(size=(30, 4))
padding = [object() for _ in range(int(sys.argv[2]))]
save_object(sys.argv[1], make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0))
"""


def fitted():
    X = np.random.default_rng(0).normal(size=(30, 4))
    return X, make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)


def test_a_loaded_object_predicts_exactly_as_the_saved_one(tmp_path):
    X, model = fitted()
    save_object(tmp_path / "m.skops", model)
    np.testing.assert_array_equal(load_object(tmp_path / "m.skops").predict_proba(X), model.predict_proba(X))


def test_equal_objects_give_equal_bytes_in_other_processes(tmp_path):
    contents = []
    for padding in (0, 5000):
        path = tmp_path / f"{padding}.skops"
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "PYTHONHASHSEED": str(padding + 1)}
        subprocess.run([sys.executable, "-c", SAVE, path, str(padding)], check=True, env=environment)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_foreign_type_is_refused(tmp_path):
    skops.io.dump(Path("x"), tmp_path / "foreign.skops")
    with pytest.raises(ValueError, match="types this workflow never writes"):
        load_object(tmp_path / "foreign.skops")


def test_an_array_under_two_names_is_stored_once_and_read_under_both(tmp_path):
    scaler = StandardScaler().fit(np.random.default_rng(0).normal(size=(30, 4)))
    scaler.alias_ = scaler.mean_
    save_object(tmp_path / "a", scaler)
    loaded = load_object(tmp_path / "a")
    np.testing.assert_array_equal(loaded.alias_, scaler.mean_)
    np.testing.assert_array_equal(loaded.mean_, scaler.mean_)
