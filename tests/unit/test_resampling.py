import numpy as np
import pandas as pd
import pytest
from test_model import VARIABLES, clinical
from test_signature import cohort, pipeline

from habitat_radiomics import lasso
from habitat_radiomics.logistic import LogisticModel
from habitat_radiomics.model import build_model, fit_chain
from habitat_radiomics.optimism import draw_resamples
from habitat_radiomics.resampling import (
    BootstrapChunk,
    bootstrap_chunk,
    chunk_ranges,
    corrected_632,
    measure_bootstrap,
    merge_bootstrap,
    merge_permutations,
    optimism_corrected,
    permutation_chunk,
    permutation_test,
    permute_outcome,
    resample_indices,
    selection_frequency,
)
from habitat_radiomics.roc import auc
from habitat_radiomics.signature import cross_fitted_scores, fit_signature, stratified_folds
from oracles.oracle import Oracle

STEPS = [
    {"icc": {"threshold": 0.75}},
    {"complete": {"max_missing": 0.1}},
    {"zscore": {}},
    {"anova": {"alpha": 0.2}},
    {"correlation": {"threshold": 0.9}},
    {"lasso": {"folds": 3, "rule": "min"}},
]


def study(n=40, features=60, signal=1.5, *, steps=STEPS, scores="apparent", seed=0):
    """Chain and training data of a small study; one feature in ten is not reproducible."""
    X, outcome = cohort(n=n, features=features, signal=signal, seed=seed)
    icc = {name: 0.5 if i % 10 == 9 else 0.9 for i, name in enumerate(X.columns)}
    signature = pipeline(X, steps=steps).set_params(icc__icc=icc) if "icc" in steps[0] else pipeline(X, steps=steps)
    chain = {"s": (signature, list(X.columns))}
    model = build_model(signatures=["s"], variables=VARIABLES, estimator="logistic")
    data = {"features": X, "clinical": clinical(X.index), "outcome": outcome}
    return chain, model, {**data, "scores": scores, "folds": 3, "repeats": 1, "seed": 5}


# Drawing ---------------------------------------------------------------------------------------------------------


def test_a_resample_depends_on_the_seed_and_its_number_alone():
    y = np.array([0, 1] * 10)
    whole = resample_indices(y, count=6, seed=3)
    np.testing.assert_array_equal(whole[4:], resample_indices(y, count=2, seed=3, start=4))
    assert (whole != resample_indices(y, count=6, seed=4)).any()


def test_a_stratified_resample_has_the_events_of_the_study():
    y = np.r_[np.ones(5), np.zeros(25)].astype(int)
    assert (y[resample_indices(y, count=50, seed=1)].sum(axis=1) == 5).all()
    assert np.ptp(y[resample_indices(y, count=50, seed=1, stratified=False)].sum(axis=1)) > 0


def test_unstratified_resamples_are_those_of_the_optimism_module():
    drawn = resample_indices(12, count=4, seed=9, stratified=False)
    np.testing.assert_array_equal(drawn, draw_resamples(12, count=4, seed=9))
    with pytest.raises(ValueError, match="a stratified resample needs the outcome of every patient"):
        resample_indices(12, count=4, seed=9)


def test_permuted_outcomes_are_the_same_for_any_order_of_patients():
    _, outcome = cohort(n=30)
    permuted = permute_outcome(outcome, seed=1, permutation=7)
    shuffled = permute_outcome(outcome.sample(frac=1, random_state=0), seed=1, permutation=7)
    pd.testing.assert_series_equal(permuted, shuffled.loc[permuted.index])
    assert permuted.sum() == outcome.sum()
    assert (permuted != outcome).any()
    assert permute_outcome(outcome, seed=1, permutation=0) is outcome


@pytest.mark.parametrize(("count", "chunks"), [(10, 3), (7, 8), (2, 50), (1000, 20)])
def test_chunks_cover_the_study_and_every_replicate_once(count, chunks):
    ranges = chunk_ranges(count, chunks)
    assert [b for part in ranges for b in part] == list(range(count + 1))
    assert min(len(part) for part in ranges) > 0


# Copies of a patient ---------------------------------------------------------------------------------------------


def test_copies_of_a_patient_count_as_weight_and_give_the_path_of_repeated_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 8)), np.array([0.0, 1.0] * 15)
    X[:, 0] += y
    rows = resample_indices(y, count=1, seed=2)[0]
    distinct, times = np.unique(rows, return_counts=True)
    folds = lasso.stratified_folds(y[distinct], folds=3, seed=1)
    penalties = np.geomspace(0.2, 0.01, 12)
    weighted = lasso.cross_validate_path(X[distinct], y[distinct], folds, penalties=penalties, weights=times)
    of_copies = folds[np.searchsorted(distinct, rows)]
    repeated = lasso.cross_validate_path(X[rows], y[rows], of_copies, penalties=penalties)
    np.testing.assert_allclose(weighted.path.coefficients, repeated.path.coefficients, atol=1e-6)
    np.testing.assert_allclose(weighted.deviance_mean, repeated.deviance_mean, atol=1e-7)
    np.testing.assert_allclose(weighted.deviance_se, repeated.deviance_se, atol=1e-7)


def test_without_copies_the_estimator_is_unchanged():
    X, outcome = cohort(n=40, features=20)
    plain = lasso.LassoLogistic(folds=4).fit(X.to_numpy(), outcome)
    named = lasso.LassoLogistic(folds=4).fit(X.to_numpy(), outcome, patients=X.index)
    np.testing.assert_array_equal(plain.coef_, named.coef_)


def test_folds_that_split_copies_would_make_the_penalty_of_noise_too_small():
    X, outcome = cohort(n=60, features=40, signal=0)
    penalties = {"together": [], "split": []}
    for rows in resample_indices(outcome, count=12, seed=1):
        values, y = X.to_numpy()[rows], outcome.to_numpy()[rows]
        together = lasso.LassoLogistic(folds=5).fit(values, y, patients=X.index[rows])
        split = lasso.LassoLogistic(folds=5).fit(values, y)
        penalties["together"].append(np.count_nonzero(together.coef_))
        penalties["split"].append(np.count_nonzero(split.coef_))
    assert np.mean(penalties["split"]) > 2 * np.mean(penalties["together"])


def test_folds_of_cross_fitting_keep_copies_together_and_score_them_alike():
    X, outcome = cohort(n=40, features=60)
    rows = resample_indices(outcome, count=1, seed=0)[0]
    copies, y = X.iloc[rows], outcome.iloc[rows]
    folds = stratified_folds(y, folds=4, seed=1)
    assert (folds.groupby(level=0).nunique() == 1).all()
    scores = cross_fitted_scores(pipeline(X), copies, y, folds=3, repeats=2, seed=0)["score"]
    assert (scores.groupby(level=0).nunique() == 1).all()
    assert len(scores) == 40


def test_folds_count_distinct_patients_of_a_class_not_rows():
    outcome = pd.Series([1] * 6 + [0] * 20, index=["A"] * 4 + ["B"] * 2 + [f"C{i}" for i in range(20)])
    assert stratified_folds(outcome, folds=10, seed=0).nunique() == 2
    with pytest.raises(ValueError, match="the smaller class has 1"):
        stratified_folds(outcome.drop("B"), folds=10, seed=0)


def test_a_signature_fitted_on_a_resample_uses_folds_of_patients():
    X, outcome = cohort(n=40, features=60)
    rows = resample_indices(outcome, count=1, seed=0)[0]
    fitted = fit_signature(pipeline(X, steps=STEPS), X.iloc[rows], outcome.iloc[rows])
    before = fitted[:-1].transform(X.iloc[rows]).to_numpy()
    by_hand = lasso.LassoLogistic(folds=3, seed=1).fit(before, outcome.iloc[rows], patients=X.index[rows])
    np.testing.assert_allclose(fitted[-1].coef_, by_hand.coef_, atol=1e-12)


def test_rows_of_one_patient_that_differ_and_weights_of_zero_are_refused():
    X, y = np.arange(12.0).reshape(6, 2) ** 2, np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match="rows of one patient differ"):
        lasso.LassoLogistic(folds=3).fit(X, y, patients=list("aabcde"))
    with pytest.raises(ValueError, match="weights must be 6 numbers above 0"):
        lasso.cross_validate_path(X, y, [0, 0, 1, 1, 2, 2], weights=[1, 1, 0, 1, 1, 1])


# Bootstrap -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scores", ["apparent", "cross_fitted"])
def test_a_replicate_is_the_whole_chain_fitted_on_its_resample(scores):
    signatures, model, data = study(scores=scores)
    chunk = bootstrap_chunk(signatures, model, **data, replicates=[3])
    rows = resample_indices(data["outcome"], count=1, seed=5, start=3)[0]
    tables = {name: data[name].iloc[rows] for name in ("features", "clinical", "outcome")}
    predicted = fit_chain(signatures, model, **{**data, **tables})(data["features"], data["clinical"])
    ours = chunk.predictions.set_index("patient")
    np.testing.assert_allclose(ours["score"], predicted["score"], rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(ours["drawn"], np.bincount(rows, minlength=40))
    assert (ours["reason"] == "").all()


def test_replicate_zero_is_the_study_itself():
    signatures, model, data = study()
    chunk = bootstrap_chunk(signatures, model, **data, replicates=[0])
    predicted = fit_chain(signatures, model, **data)(data["features"], data["clinical"])
    np.testing.assert_allclose(chunk.predictions["probability"], predicted["probability"], atol=1e-9)
    assert (chunk.predictions["drawn"] == 1).all()


def test_replicate_zero_is_cross_fitted_as_often_as_the_study():
    signatures, model, data = study(scores="cross_fitted")
    chunk = bootstrap_chunk(signatures, model, **data, replicates=range(2), study_repeats=3)
    own = fit_chain(signatures, model, **{**data, "repeats": 3})(data["features"], data["clinical"])
    zero = chunk.predictions.query("replicate == 0").set_index("patient")["probability"]
    np.testing.assert_allclose(zero, own["probability"].loc[zero.index], rtol=1e-12)
    once = bootstrap_chunk(signatures, model, **data, replicates=range(2)).predictions
    assert (once.query("replicate == 0")["probability"].to_numpy() != zero.to_numpy()).any()
    resampled = [table.query("replicate == 1").reset_index(drop=True) for table in (chunk.predictions, once)]
    pd.testing.assert_frame_equal(*resampled)


def test_the_division_into_chunks_and_the_order_of_patients_leave_no_trace():
    signatures, model, data = study()
    whole = merge_bootstrap([bootstrap_chunk(signatures, model, **data, replicates=range(5))])
    shuffled = {name: data[name].sample(frac=1, random_state=1) for name in ("features", "clinical", "outcome")}
    parts = [
        bootstrap_chunk(signatures, model, **{**data, **shuffled}, replicates=part) for part in (range(3, 5), range(3))
    ]
    for ours, theirs in zip(merge_bootstrap(parts), whole, strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_features_no_reader_reproduces_are_never_selected():
    signatures, model, data = study()
    selected = bootstrap_chunk(signatures, model, **data, replicates=range(4)).selected
    bad = {name for i, name in enumerate(data["features"].columns) if i % 10 == 9}
    assert len(selected) > 0
    assert not bad & set(selected["feature"])


@pytest.mark.parametrize("first", [[], [{"icc": {"threshold": 0.75}}], [{"zscore": {}}]])
def test_a_filter_by_the_stability_of_habitats_works_in_a_resample_wherever_it_stands(first):
    signatures, model, data = study(steps=[*first, {"stable": {"threshold": 0.75}}, *STEPS[1:]])
    signature, columns = signatures["s"]
    signature.set_params(stable__icc=dict.fromkeys(columns[::2], 0.1))
    chunk = bootstrap_chunk(signatures, model, **data, replicates=range(2))
    assert (chunk.predictions["reason"] == "").all()
    assert set(chunk.selected["feature"]) <= set(columns[1::2])
    whole = fit_chain(signatures, model, **data)(data["features"], data["clinical"])["probability"]
    replicate = chunk.predictions.query("replicate == 0").set_index("patient")["probability"]
    np.testing.assert_allclose(replicate, whole.loc[replicate.index], atol=1e-7)


def test_an_icc_step_that_is_not_the_first_works_as_well():
    steps = [STEPS[1], STEPS[2], STEPS[0], *STEPS[3:]]
    signatures, model, data = study(steps=steps)
    chunk = bootstrap_chunk(signatures, model, **data, replicates=[0])
    predicted = fit_chain(signatures, model, **data)(data["features"], data["clinical"])
    np.testing.assert_allclose(chunk.predictions["score"], predicted["score"], rtol=1e-7)


def test_a_clinical_model_is_resampled_without_features():
    _, _, data = study()
    model = build_model(signatures=[], variables=VARIABLES, estimator="logistic")
    chunk = bootstrap_chunk({}, model, **{**data, "features": None}, replicates=range(3))
    assert chunk.predictions["probability"].notna().all()
    assert chunk.selected.empty


def test_a_resample_that_cannot_be_fitted_says_why_and_the_study_must_be_fittable():
    signatures, model, data = study(n=40)
    rare = pd.Series((np.arange(40) < 3).astype(int), index=data["outcome"].index)
    chunk = bootstrap_chunk(signatures, model, **{**data, "outcome": rare}, replicates=range(12))
    failed = chunk.predictions[chunk.predictions["reason"] != ""]
    assert set(failed["reason"]) == {"One class has a single patient: cross-validation needs at least 2 in each class."}
    assert failed["probability"].isna().all()
    assert 0 not in set(failed["replicate"])
    with pytest.raises(ValueError, match="the outcomes hold one class only"):
        bootstrap_chunk(signatures, model, **{**data, "outcome": rare * 0}, replicates=[0])


def test_a_resample_without_events_says_so():
    signatures, model, data = study(n=40)
    rare = pd.Series((np.arange(40) < 2).astype(int), index=data["outcome"].index)
    settings = {**data, "outcome": rare}
    chunk = bootstrap_chunk(signatures, model, **settings, replicates=range(1, 15), stratified=False)
    assert "the outcomes hold one class only: nothing can be learnt from them." in set(chunk.predictions["reason"])


def made_chunk(numbers, *, reason=""):
    predictions = pd.DataFrame({"replicate": list(numbers), "patient": "P1", "drawn": 1, "score": 0.0})
    selected = pd.DataFrame(columns=["replicate", "signature", "feature", "coefficient"])
    return BootstrapChunk(predictions.assign(probability=0.5, reason=reason), selected)


def test_chunks_that_lack_or_repeat_a_replicate_are_refused():
    with pytest.raises(ValueError, match="replicate 2 is missing"):
        merge_bootstrap([made_chunk([0, 1]), made_chunk([3])])
    with pytest.raises(ValueError, match="a replicate is in two chunks"):
        merge_bootstrap([made_chunk([0, 1]), made_chunk([1, 2])])


def test_too_many_failed_resamples_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="could not be fitted to 2 of 11 resamples, most often because: too few."):
        merge_bootstrap([made_chunk(range(10)), made_chunk([10, 11], reason="too few.")])


# Measures --------------------------------------------------------------------------------------------------------


def birth_weight_replay():
    """Predictions of R's 200 resamples of birthwt: glm(low ~ lwt + race + smoke + ht + ui)."""
    oracle = Oracle("calibration_nomogram_birthwt")
    data, resamples = oracle.table(), oracle.table(1).to_numpy() - 1
    race = [data["race"] == level for level in ("black", "other")]
    X = np.column_stack([data["lwt"], *race, data[["smoke", "ht", "ui"]]]).astype(float)
    y = data["low"].to_numpy()
    index = [f"P{i:03d}" for i in range(len(y))]
    parts = []
    for number, rows in enumerate([np.arange(len(y)), *resamples]):
        p = LogisticModel().fit(X[rows], y[rows]).predict_proba(X)[:, 1]
        drawn = np.bincount(rows, minlength=len(y))
        parts.append(
            pd.DataFrame({"replicate": number, "patient": index, "drawn": drawn, "probability": p, "reason": ""})
        )
    return oracle, pd.concat(parts), pd.Series(y, index=index)


def scored(predictions):
    """Predictions whose score is their probability."""
    return predictions.assign(score=predictions["probability"])


def test_the_auc_of_a_replicate_is_that_of_its_score_where_the_probabilities_are_level():
    predictions = pd.DataFrame({"replicate": 0, "patient": list("abcd"), "drawn": 1, "probability": 0.5, "reason": ""})
    measures = measure_bootstrap(predictions.assign(score=[1, 2, 3, 4]), pd.Series([0, 0, 1, 1], index=list("abcd")))
    assert measures.set_index("statistic").loc["auc", "train"] == 1.0


def test_corrected_statistics_and_curve_of_the_same_resamples_are_those_of_r():
    oracle, predictions, outcome = birth_weight_replay()
    expected = oracle["optimism_replay"]
    measures = measure_bootstrap(scored(predictions), outcome, at=expected["predy"])
    table, curve = optimism_corrected(measures)
    table = table.set_index("statistic")
    area, error = table.loc["auc"], table.loc["brier"]
    oracle.check("optimism_replay", C_apparent=area["apparent"], C_train=area["train"], C_test=area["test"])
    oracle.check("optimism_replay", C_corrected=area["corrected"], brier_apparent=error["apparent"])
    oracle.check("optimism_replay", brier_corrected=error["corrected"])
    oracle.check("optimism_replay", slope_corrected=table.loc["slope", "corrected"])
    oracle.check("optimism_replay", intercept_corrected=table.loc["joint_intercept", "corrected"])
    oracle.check("optimism_replay", curve_apparent=curve["apparent"], curve_corrected=curve["corrected"])
    assert (table["low"] < table["corrected"]).all()
    assert (table["corrected"] < table["high"]).all()
    assert (curve.loc[2:, "low"] < curve.loc[2:, "high"]).all()


def test_replicates_are_measured_on_the_resample_on_all_and_on_those_left_out():
    patients = list("abcdef")
    outcome = pd.Series([0, 0, 0, 1, 1, 1], index=patients)
    study_itself = pd.DataFrame(
        {"replicate": 0, "patient": patients, "drawn": 1, "probability": [0.1, 0.4, 0.3, 0.2, 0.8, 0.9]}
    )
    resample = pd.DataFrame(
        {
            "replicate": 1,
            "patient": patients,
            "drawn": [2, 1, 0, 0, 3, 0],
            "probability": [0.1, 0.6, 0.3, 0.2, 0.5, 0.4],
        }
    )
    table = measure_bootstrap(scored(pd.concat([study_itself, resample]).assign(reason="")), outcome)
    of_resample = table[table["replicate"] == 1].set_index("statistic")
    assert of_resample.loc["auc", "train"] == pytest.approx(2 / 3)  # a, a, b against e, e, e: 6 of 9 pairs
    assert of_resample.loc["auc", "test"] == pytest.approx(5 / 9)
    assert of_resample.loc["auc", "out_of_bag"] == pytest.approx(0.5)  # c against d and f
    assert of_resample.loc["brier", "out_of_bag"] == pytest.approx((0.3**2 + 0.8**2 + 0.6**2) / 3)
    assert table.query("replicate == 0")["out_of_bag"].isna().all()


def test_a_failed_resample_is_left_out_of_the_means():
    oracle, predictions, outcome = birth_weight_replay()
    predictions = predictions[predictions["replicate"] < 12].copy()
    whole, _ = optimism_corrected(measure_bootstrap(scored(predictions[predictions["replicate"] != 5]), outcome))
    predictions.loc[predictions["replicate"] == 5, ["probability", "reason"]] = [np.nan, "too few"]
    table, _ = optimism_corrected(measure_bootstrap(scored(predictions), outcome))
    pd.testing.assert_frame_equal(table, whole)
    assert (table["resamples"] == 10).all()


def test_a_separated_study_has_no_slope_and_says_why():
    predictions = pd.concat(
        [
            pd.DataFrame({"replicate": b, "patient": list("abcdef"), "drawn": 1, "probability": p, "reason": ""})
            for b, p in enumerate([[0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0.1, 0.2, 0.6, 0.5, 0.8, 0.9]])
        ]
    )
    table, _ = optimism_corrected(
        measure_bootstrap(scored(predictions), pd.Series([0, 0, 0, 1, 1, 1], index=list("abcdef")))
    )
    slope = table.set_index("statistic").loc["slope"]
    assert np.isnan(slope["corrected"])
    assert "separate the classes" in slope["note"]


def test_the_study_itself_is_needed_for_the_apparent_performance():
    oracle, predictions, outcome = birth_weight_replay()
    measures = measure_bootstrap(scored(predictions[predictions["replicate"].between(1, 3)]), outcome)
    with pytest.raises(ValueError, match="replicate 0, the study itself, is missing"):
        optimism_corrected(measures)


def test_the_632_plus_rule_is_its_formula_by_hand():
    # apparent error 0.1, out of bag 0.4, no information 0.5: R = 0.75, w = 0.632 / 0.724, error = 0.1 + w 0.3
    measures = pd.DataFrame(
        {
            "replicate": [0, 0, 1, 1, 2, 2],
            "statistic": ["auc", "brier"] * 3,
            "train": [0.9, 0.1, 1.0, 0.1, 1.0, 0.1],
            "out_of_bag": [np.nan, np.nan, 0.5, 0.5, 0.7, 0.3],
        }
    )
    p = pd.DataFrame({"replicate": 0, "patient": list("abcd"), "probability": [0.0, 0.0, 1.0, 1.0]})
    table = corrected_632(measures, p, pd.Series([0, 1, 0, 1], index=list("abcd"))).set_index("statistic")
    weight = 0.632 / (1 - 0.368 * 0.75)
    assert table.loc["auc", "corrected"] == pytest.approx(0.9 - weight * 0.3)
    assert table.loc["brier", "no_information"] == 0.5
    assert table.loc["brier", "corrected"] == pytest.approx(0.1 + weight * 0.3)
    assert table["weight"].tolist() == pytest.approx([weight, weight])


def test_the_frequency_of_a_feature_counts_the_fitted_resamples():
    selected = pd.DataFrame(
        [(0, "s", "a", 1.0), (0, "s", "z", 1.0), (1, "s", "a", 0.5), (2, "s", "a", -0.5), (2, "s", "b", 0.1)],
        columns=["replicate", "signature", "feature", "coefficient"],
    )
    predictions = pd.DataFrame({"replicate": [0, 1, 2, 3, 4], "reason": ["", "", "", "", "too few"]})
    table = selection_frequency(selected, predictions).set_index("feature")
    assert list(table.index) == ["a", "b", "z"]
    assert list(table["selected"]) == [2, 1, 0]
    assert table.loc["a", "frequency"] == pytest.approx(2 / 3)
    assert table.loc["a", "positive"] == 0.5
    assert np.isnan(table.loc["z", "positive"])
    assert list(table["in_study"]) == [True, False, True]


# Permutation -----------------------------------------------------------------------------------------------------


def validated(signal=2.0):
    """A study with a held-out cohort."""
    X, outcome = cohort(n=80, features=60, signal=signal)
    variables = clinical(X.index)
    signatures, model, data = study(signal=signal)
    data |= {"features": X.iloc[:50], "clinical": variables.iloc[:50], "outcome": outcome.iloc[:50]}
    return signatures, model, data, {"external": (X.iloc[50:], variables.iloc[50:], outcome.iloc[50:])}


def test_permutation_zero_is_the_study_and_chunks_leave_no_trace():
    signatures, model, data, validation = validated()
    settings = {**data, "validation": validation}
    whole = permutation_chunk(signatures, model, **settings, permutations=range(4))
    parts = [permutation_chunk(signatures, model, **settings, permutations=part) for part in ([2, 3], [0, 1])]
    pd.testing.assert_frame_equal(merge_permutations(parts), whole, check_exact=True)
    X, variables, truth = validation["external"]
    score = fit_chain(signatures, model, **data)(X, variables)["score"]
    observed = whole.query("permutation == 0 and cohort == 'external'").iloc[0]
    assert observed["auc"] == pytest.approx(auc(truth, score), abs=1e-12)
    assert (observed["n"], observed["events"]) == (30, 15)


def test_a_real_signal_beats_all_permutations_and_noise_does_not():
    for signal, low, high in ((2.0, 0, 0.07), (0.0, 0.07, 1)):
        signatures, model, data, validation = validated(signal)
        table = permutation_chunk(
            signatures, model, **data, validation=validation, permutations=range(20), cross_validate=False
        )
        p = permutation_test(table)["p"].item()
        assert low < p <= high


def test_permuted_training_outcomes_are_cross_validated_against_themselves():
    signatures, model, data, validation = validated()
    table = permutation_chunk(signatures, model, **data, validation={}, permutations=range(2))
    assert list(table["cohort"]) == ["train_cv", "train_cv"]
    assert table["auc"].iloc[0] > 0.8
    assert abs(table["auc"].iloc[1] - 0.5) < 0.35


def test_the_p_value_counts_permutations_at_least_as_good_and_is_never_zero():
    rows = [(b, "external", value, 30, 15, "") for b, value in enumerate([0.8, 0.5, 0.8, 0.6, 0.9, np.nan])]
    table = pd.DataFrame(rows, columns=["permutation", "cohort", "auc", "n", "events", "reason"])
    test = permutation_test(table).iloc[0]
    assert (test["observed"], test["permutations"], test["at_least"]) == (0.8, 4, 2)
    assert test["p"] == 3 / 5
    assert permutation_test(table[table["permutation"] < 2])["p"].item() == 0.5
    assert permutation_test(table[table["permutation"] == 0])["p"].item() == 1.0


def test_permutation_chunks_that_lack_or_repeat_a_permutation_are_refused():
    def chunk(numbers):
        return pd.DataFrame(
            {"permutation": numbers, "cohort": "external", "auc": 0.5, "n": 9, "events": 4, "reason": ""}
        )

    with pytest.raises(ValueError, match="permutation 1 is missing"):
        merge_permutations([chunk([0, 2])])
    with pytest.raises(ValueError, match="a permutation is in two chunks"):
        merge_permutations([chunk([0, 1]), chunk([1])])
