import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.leakage import digests
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.signature import (
    build_signature,
    cross_fitted_scores,
    fit_signature,
    penalty_path,
    selection_funnel,
    signature_coefficients,
    signature_columns,
    signature_score,
    stratified_folds,
)

STEPS = [
    {"icc": {"threshold": 0.75}},
    {"complete": {"max_missing": 0.1}},
    {"zscore": {}},
    {"anova": {"alpha": 0.1}},
    {"select_k_best": {"k": 40}},
    {"correlation": {"threshold": 0.9}},
    {"lasso": {"folds": 5, "rule": "min"}},
]


def cohort(n=60, features=200, signal=1.2, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"{s}|{r}|f{i}" for s in ("T1", "T2") for r in ("tumour", "peritumour") for i in range(features // 4)]
    index = [f"P{i:03d}" for i in range(n)]
    outcome = pd.Series(np.arange(n) % 2, index=index, name="outcome")
    X = rng.normal(size=(n, features))
    X[:, :4] += signal * outcome.to_numpy()[:, None]
    return pd.DataFrame(X, index=index, columns=names), outcome


def pipeline(features, seed=1, steps=STEPS):
    return build_signature(steps, seed=seed, icc=dict.fromkeys(features.columns, 0.9))


def test_columns_are_those_of_the_sequences_and_regions():
    features, _ = cohort()
    columns = signature_columns(features.columns, sequences=["T2"], regions=["tumour"])
    assert len(columns) == 50
    assert all(column.startswith("T2|tumour|") for column in columns)


def test_features_are_picked_by_name_or_pattern_and_a_pattern_without_any_is_refused():
    names = ["T1|h1|habitat_voxels", "T1|h1|habitat_fraction", "T1|h1|original_glcm_Id", "T1|tumour|original_glcm_Id"]
    chosen = {"sequences": ["T1"], "regions": ["h*"]}
    assert signature_columns(names, **chosen, features=["habitat_voxels"]) == names[:1]
    assert signature_columns(names, **chosen, features=["original_*", "habitat_fraction"]) == names[1:3]
    assert signature_columns(names, **chosen) == names[:3]
    with pytest.raises(StudyFault, match=r"asks for features habitat_voxel, and none of its 3 features is called so"):
        signature_columns(names, **chosen, features=["habitat_voxel"])


def test_a_signature_finds_a_strong_signal_and_its_score_rises_with_the_outcome():
    features, outcome = cohort()
    score = signature_score(fit_signature(pipeline(features), features, outcome), features)
    assert score[outcome == 1].mean() > score[outcome == 0].mean() + 1


def test_the_score_is_the_formula_of_the_coefficient_table():
    features, outcome = cohort()
    steps = [step for step in STEPS if "zscore" not in step]
    fitted = fit_signature(pipeline(features, steps=steps), features, outcome)
    table = signature_coefficients(fitted).set_index("feature")["coefficient"]
    by_hand = table.iloc[0] + features[table.index[1:]] @ table.iloc[1:]
    np.testing.assert_allclose(signature_score(fitted, features), by_hand, rtol=1e-10)


def test_the_funnel_never_widens_and_ends_at_the_coefficients():
    features, outcome = cohort()
    fitted = fit_signature(pipeline(features), features, outcome)
    counts = selection_funnel(fitted)["features"]
    assert counts.is_monotonic_decreasing
    assert counts.iloc[0] == 200
    assert counts.iloc[-1] == len(signature_coefficients(fitted)) - 1


def test_the_path_marks_the_chosen_penalty_once():
    features, outcome = cohort()
    path = penalty_path(fit_signature(pipeline(features), features, outcome))
    assert path["chosen"].sum() == 1
    assert path.loc[path["chosen"], "deviance"].item() == path["deviance"].min()


def test_two_steps_of_one_kind_are_told_apart():
    features, outcome = cohort()
    steps = [{"zscore": {}}, {"select_k_best": {"k": 20}}, {"zscore": {}}, {"lasso": {"folds": 5, "rule": "min"}}]
    fitted = fit_signature(build_signature(steps, seed=1), features, outcome)
    assert [name for name, _ in fitted.steps] == ["zscore", "select_k_best", "zscore-2", "lasso"]


def test_a_signature_remembers_whom_it_saw_without_naming_them(tmp_path):
    features, outcome = cohort()
    save_object(tmp_path / "s.skops", fit_signature(pipeline(features), features, outcome))
    loaded = load_object(tmp_path / "s.skops")
    assert loaded.fitted_on_ == digests(features.index)
    assert b"P001" not in (tmp_path / "s.skops").read_bytes()
    assert len(signature_score(loaded, features)) == 60


def test_folds_are_balanced_and_do_not_depend_on_the_order_of_patients():
    _, outcome = cohort()
    folds = stratified_folds(outcome, folds=5, seed=3)
    assert (folds.groupby(folds).size() == 12).all()
    assert (outcome.groupby(folds).sum() == 6).all()
    shuffled = outcome.sample(frac=1, random_state=0)
    assert stratified_folds(shuffled, folds=5, seed=3).equals(folds.loc[shuffled.index])


def test_folds_shrink_to_the_smaller_class_and_stop_below_two():
    outcome = pd.Series([1, 1, 1] + [0] * 20)
    assert stratified_folds(outcome, folds=10, seed=0).nunique() == 3
    with pytest.raises(ValueError, match="the smaller class has 1"):
        stratified_folds(outcome.iloc[2:], folds=10, seed=0)


def test_a_cross_fitted_score_never_comes_from_a_signature_that_saw_the_patient():
    features, outcome = cohort()
    folds, resampling = stratified_folds(outcome, folds=5, seed=1), {"folds": 5, "repeats": 1, "seed": 1}
    before = cross_fitted_scores(pipeline(features), features, outcome, **resampling)
    changed = features.copy()
    changed.loc["P000"] += 100.0
    after = cross_fitted_scores(pipeline(features), changed, outcome, **resampling)
    same_fold = folds[folds == folds["P000"]].index.drop("P000")
    pd.testing.assert_frame_equal(before.loc[same_fold], after.loc[same_fold])
    assert not before.loc[folds != folds["P000"], "score"].equals(after.loc[folds != folds["P000"], "score"])


def test_cross_fitted_scores_of_noise_are_at_chance_while_apparent_ones_are_not():
    from habitat_radiomics.roc import auc

    honest, apparent = [], []
    for seed in range(6):
        features, outcome = cohort(signal=0, seed=seed)
        scores = cross_fitted_scores(pipeline(features), features, outcome, folds=5, repeats=2, seed=seed)
        honest.append(auc(outcome, scores["score"]))
        apparent.append(auc(outcome, signature_score(fit_signature(pipeline(features), features, outcome), features)))
    assert abs(np.mean(honest) - 0.5) < 0.1
    assert np.mean(apparent) > 0.65


COLUMNS = ["T1|tumour|f", "T2|tumour|f", "T2|h1|f", "T2|h2|f", "T2|h2|habitat_fraction", "T2|hx1|f"]


def test_a_signature_takes_single_habitats_or_all_of_a_set():
    assert signature_columns(COLUMNS, sequences=["T1", "T2"], regions=["h*"]) == COLUMNS[2:5]
    assert signature_columns(COLUMNS, sequences=["T2"], regions=["tumour", "h2"]) == [COLUMNS[1], *COLUMNS[3:5]]


def test_a_habitat_beyond_the_number_chosen_is_named_with_those_there_are():
    with pytest.raises(StudyFault, match=r"asks for region h3 of T1, T2.*Regions with features: tumour, h1, h2, hx1"):
        signature_columns(COLUMNS, sequences=["T1", "T2"], regions=["h3"])
