import numpy as np
import pytest

from habitat_radiomics.reclassification import (
    NO_VARIANCE,
    TOO_FEW,
    WARNING,
    categorical_nri,
    category_names,
    continuous_nri,
    idi,
    reclassification_table,
)
from oracles.oracle import Oracle

ORACLE = Oracle("dca_nri_asah")
Y = ORACLE.table()["y"].to_numpy()
OLD, NEW = (np.array(ORACLE["predictions"][name]) for name in ("p1", "p2"))
CUTOFFS = [0.2, 0.5]


def test_continuous_nri_agrees_with_hmisc():
    table = continuous_nri(Y, OLD, NEW).set_index("metric")
    ORACLE.check(
        "nri_continuous_idi",
        nri=table.estimate["nri_continuous"],
        nri_event=table.estimate["nri_continuous_event"],
        nri_nonevent=table.estimate["nri_continuous_nonevent"],
        se_nri=table.standard_error["nri_continuous"],
        se_nri_event=table.standard_error["nri_continuous_event"],
        se_nri_nonevent=table.standard_error["nri_continuous_nonevent"],
        z_nri=table.z["nri_continuous"],
        p_nri=table.p["nri_continuous"],
    )


def test_idi_agrees_with_hmisc():
    row = idi(Y, OLD, NEW).set_index("metric").loc["idi"]
    ORACLE.check("nri_continuous_idi", idi=row.estimate, se_idi=row.standard_error, z_idi=row.z, p_idi=row.p)


def test_categorical_nri_agrees_with_predictabel_and_nricens():
    table = categorical_nri(Y, OLD, NEW, cutoffs=CUTOFFS).set_index("metric")
    row = table.loc["nri_categorical"]
    ORACLE.check("nri_categorical", nri=row.estimate, se=row.standard_error, z=row.z, p=row.p)
    parts = table.estimate[["nri_categorical_event", "nri_categorical_nonevent"]].tolist()
    ORACLE.check("nri_categorical", nri_event=parts[0], nri_nonevent=parts[1])
    ORACLE.check("nri_categorical_nricens", **{"NRI": row.estimate, "NRI+": parts[0], "NRI-": parts[1]})
    printed = " ".join(ORACLE["nri_categorical"]["predictabel_text"])
    assert f"NRI(Categorical) [95% CI]: {row.estimate:.4f} [ {row.ci_low:.4f} - {row.ci_high:.4f} ]" in printed


def test_reclassification_table_agrees_with_predictabel():
    table = reclassification_table(Y, OLD, NEW, cutoffs=CUTOFFS)
    for outcome, name in ((1, "table_event"), (0, "table_nonevent")):
        by_column = table[table.outcome == outcome].sort_values(["new", "old"]).patients  # R's matrices are by column
        ORACLE.check("nri_categorical", **{name: by_column})
    assert category_names(CUTOFFS) == ["[0, 0.2)", "[0.2, 0.5)", "[0.5, 1]"]


def test_by_hand_one_of_two_events_up_and_one_of_four_others_up():
    y, old = [1, 1, 0, 0, 0, 0], [0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    new = [0.6, 0.4, 0.6, 0.4, 0.4, 0.4]
    assert continuous_nri(y, old, new).estimate.tolist() == [0.25, 0.5, -0.25]
    assert categorical_nri(y, old, new, cutoffs=[0.6]).estimate.tolist() == [0.25, 0.5, -0.25]  # 0.6 is in [0.6, 1]
    assert idi(y, old, new).estimate.tolist() == pytest.approx([0.1 - 0.05, 0.1, -0.05])


def test_swapping_the_models_changes_the_sign():
    assert idi(Y, NEW, OLD).estimate.tolist() == pytest.approx((-idi(Y, OLD, NEW).estimate).tolist())
    assert continuous_nri(Y, NEW, OLD).z.tolist() == pytest.approx((-continuous_nri(Y, OLD, NEW).z).tolist())


def test_a_useless_predictor_raises_the_nri_as_the_warning_says():
    """Pepe 2014: on the training patients the NRI of noise is positive far more often than its test admits."""
    from habitat_radiomics.logistic import LogisticModel

    rejected = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        X = generator.normal(size=(100, 4))
        y = (generator.random(100) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
        old, new = (LogisticModel().fit(X[:, :k], y).predict_proba(X[:, :k])[:, 1] for k in (1, 4))
        row = continuous_nri(y, old, new).iloc[0]
        rejected += row.estimate > 0 and row.p < 0.05
    assert rejected > 60 * 0.15
    assert "Pepe 2014, Kerr 2014, Hilden and Gerds 2014" in WARNING


def test_equal_models_and_single_patients_have_no_test():
    same = continuous_nri(Y, OLD, OLD)
    assert same.estimate.tolist() == [0, 0, 0]
    assert same.z.isna().all()
    assert (same.note == NO_VARIANCE).all()
    alone = idi([1, 0, 0], [0.2, 0.3, 0.4], [0.3, 0.3, 0.5])
    assert alone.note.tolist() == [TOO_FEW, TOO_FEW, ""]
    assert alone.ci_low.isna().tolist() == [True, True, False]


@pytest.mark.parametrize("cutoffs", [[], [0.5, 0.2], [0.2, 1.0], [0.0, 0.5], [np.nan]])
def test_cutoffs_out_of_order_or_range_are_refused(cutoffs):
    with pytest.raises(ValueError, match="cutoffs are .* give ascending probabilities between 0 and 1."):
        categorical_nri(Y, OLD, NEW, cutoffs=cutoffs)


def test_one_class_and_missing_probabilities_are_refused():
    with pytest.raises(ValueError, match=r"y holds one class only \(0 of 3 patients with the event\)"):
        idi([0, 0, 0], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="p is NaN or infinite for 1 of 2 patients"):
        idi([0, 1], [0.1, 0.2], [0.1, np.nan])
