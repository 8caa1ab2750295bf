import pandas as pd
import pytest
from test_signature import cohort

from habitat_radiomics.model import build_model
from habitat_radiomics.resampling import bootstrap_chunk
from habitat_radiomics.signature import fit_signature, selection_funnel
from habitat_radiomics.signature_inputs import agreement, signature_pipeline

STEPS = [{"icc": {"threshold": 0.5}}, {"stable": {"threshold": 0.7}}, {"lasso": {"folds": 5, "rule": "min"}}]


@pytest.fixture
def tables(tmp_path):
    """Readers agree on f0 and f1 of the tumour; habitats of two sets have one stable feature each."""
    pd.DataFrame({"feature": ["T1|tumour|f0", "T1|tumour|f1"], "icc": [0.9, 0.8], "icc_inter": 0.9}).to_csv(
        tmp_path / "icc.csv", index=False
    )
    for name in ("core", "rim"):
        rows = [
            (f"T1|{name}1|f{i}", perturbation, 0.8 if i == 0 else 0.6)
            for perturbation in ("all", "noise")
            for i in (0, 1)
        ]
        table = pd.DataFrame(rows, columns=["feature", "perturbation", "icc"])
        table.loc[table["perturbation"] == "noise", "icc"] = 0.0
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return [str(tmp_path / f"{name}.csv") for name in ("icc", "core", "rim")]


def test_stability_of_several_sets_is_that_over_all_changes_and_apart_from_readers(tables):
    columns = ["T1|tumour|f0", "T1|core1|f0", "T1|core1|f1", "T1|rim1|f1"]
    found = agreement(tables, columns)
    assert found["stability"] == {"T1|core1|f0": 0.8, "T1|core1|f1": 0.6, "T1|rim1|f1": 0.6}
    assert found["icc"]["T1|tumour|f0"] == 0.9
    assert pd.isna(found["icc"]["T1|core1|f0"])


def test_what_nobody_asked_for_is_absent(tables):
    assert agreement([], ["T1|tumour|f0"]) == {"icc": None, "stability": None}
    assert agreement(tables[:1], ["T1|tumour|f0"])["stability"] is None
    assert agreement(tables[1:], ["T1|tumour|f0"]) == {"icc": None, "stability": {}}


def test_a_signature_bars_unstable_features_of_habitats_as_it_bars_those_of_unstable_readers(tables):
    features, outcome = cohort()
    features = features.iloc[:, :4].set_axis(["T1|core1|f0", "T1|core1|f1", "T1|rim1|f0", "T1|rim1|f1"], axis=1)
    settings = {"sequences": ["T1"], "regions": ["core*", "rim*"], "steps": STEPS[1:], "seed": 1}
    pipeline, columns = signature_pipeline(settings, features.columns, tables[1:])
    funnel = selection_funnel(fit_signature(pipeline, features[columns], outcome)).set_index("step")["features"]
    assert (funnel["extracted"], funnel["stable"]) == (4, 2)


def test_resamples_bar_the_same_features_as_the_study(tables):
    features, outcome = cohort()
    features = features.iloc[:, :4].set_axis(["T1|core1|f0", "T1|core1|f1", "T1|rim1|f0", "T1|rim1|f1"], axis=1)
    settings = {"sequences": ["T1"], "regions": ["core*", "rim*"], "steps": STEPS[1:], "seed": 1}
    signatures = {"a": signature_pipeline(settings, features.columns, tables[1:])}
    model = build_model(signatures=["a"], variables={}, estimator="logistic")
    clinical = pd.DataFrame(index=features.index)
    selected = bootstrap_chunk(
        signatures, model, features=features, clinical=clinical, outcome=outcome, replicates=[0, 1],
        scores="apparent", folds=5, repeats=1, seed=1,
    ).selected  # fmt: skip
    assert set(selected["feature"]) <= {"(intercept)", "T1|core1|f0", "T1|rim1|f0"}
    assert {0, 1} <= set(selected["replicate"])
