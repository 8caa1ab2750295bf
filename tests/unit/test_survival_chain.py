"""The chain from features to predictions on times to an event: fit and apply, folds, resamples, harmonisation."""

import json

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from habitat_radiomics.best_of import BestSignature, candidate_table
from habitat_radiomics.combat import Combat, metadata_column
from habitat_radiomics.cox_predictor import COX_COLUMNS, evaluation_times
from habitat_radiomics.cutoff import learn_cutoff, risk_groups
from habitat_radiomics.model import (
    build_model,
    cross_validated_prediction,
    fit_chain,
    fit_model,
    model_coefficients,
    model_prediction,
)
from habitat_radiomics.model_nomogram import model_nomogram
from habitat_radiomics.nomogram import probabilities, total_points
from habitat_radiomics.persist import load_object, save_object
from habitat_radiomics.resampling import (
    bootstrap_chunk,
    merge_bootstrap,
    merge_permutations,
    permutation_chunk,
    permutation_test,
    permute_outcome,
)
from habitat_radiomics.risk_cut import fit_cut
from habitat_radiomics.signature import (
    build_signature,
    cross_fitted_scores,
    fit_signature,
    penalty_path,
    selected_features,
    selection_funnel,
    signature_coefficients,
    signature_score,
    stratified_folds,
)
from habitat_radiomics.signature_inputs import read_features, signature_pipeline
from habitat_radiomics.validation import combine_predictions, combine_survival

STEPS = [
    {"complete": {}},
    {"zscore": {}},
    {"univariable_cox": {"alpha": 0.2}},
    {"correlation": {"threshold": 0.9}},
    {"cox_lasso": {"folds": 3}},
]
HARMONISE = {"batch": "site", "covariates": ["age"]}
SITE, AGE = metadata_column("site"), metadata_column("age")
SETTINGS = {"scores": "cross_fitted", "folds": 3, "repeats": 1, "seed": 1}


def cohort(n=60, p=12, *, seed=0):
    """Features of which the first raises the hazard, shifted at site B, and the outcome of patients."""
    rng = np.random.default_rng(seed)
    names = [f"P{i:03d}" for i in range(n)]
    X = rng.normal(size=(n, p))
    time = rng.exponential(20 / np.exp(1.2 * X[:, 0]))
    censored = rng.uniform(5, 40, n)
    outcome = pd.DataFrame(
        {"time": np.minimum(time, censored).round(2), "event": (time <= censored).astype(int)}, names
    )
    site = np.where(np.arange(n) % 3 == 0, "B", "A")
    features = pd.DataFrame(X + 4 * (site == "B")[:, None], names, [f"T1|tumour|f{j}" for j in range(p)])
    features.index.name = outcome.index.name = "patient"
    return features.assign(**{SITE: site, AGE: rng.normal(60, 5, n)}), outcome


def signature(*, harmonise=None):
    return build_signature(STEPS, seed=1, survival=True, harmonise=harmonise)


def cox(**changes):
    chosen = {"signatures": ["s"], "variables": {"age": {"type": "number"}}, "horizons": (6, 12), **changes}
    return build_model(estimator="cox", **chosen)


def chain_data(features, outcome):
    clinical = features[[AGE]].set_axis(["age"], axis=1)
    return {"features": features, "clinical": clinical, "outcome": outcome, **SETTINGS}


def chain_signatures(features):
    return {"s": (signature(harmonise=HARMONISE), list(features))}


def test_a_survival_signature_finds_the_planted_feature_and_writes_its_tables():
    features, outcome = cohort()
    fitted = fit_signature(signature(harmonise=HARMONISE), features, outcome)
    coefficients = signature_coefficients(fitted)
    assert coefficients["feature"].iloc[1] == "T1|tumour|f0"
    assert coefficients["coefficient"].iloc[1] > 0
    funnel = selection_funnel(fitted).set_index("step")["features"]
    assert (funnel["extracted"], funnel["combat"]) == (12, 12)  # site and age are no features
    assert funnel["cox_lasso"] == len(coefficients) - 1
    assert penalty_path(fitted)["chosen"].sum() == 1
    assert list(selected_features(fitted, features)) == list(coefficients["feature"].iloc[1:])


def test_a_stored_survival_signature_scores_as_before(tmp_path):
    features, outcome = cohort()
    fitted = fit_signature(signature(harmonise=HARMONISE), features, outcome)
    save_object(tmp_path / "a.skops", fitted)
    pd.testing.assert_series_equal(
        signature_score(load_object(tmp_path / "a.skops"), features), signature_score(fitted, features)
    )


def test_harmonisation_is_learnt_anew_in_every_fold_and_takes_the_site_away():
    features, outcome = cohort()
    plain = fit_signature(signature(), features.drop(columns=[SITE, AGE]), outcome)
    harmonised = fit_signature(signature(harmonise=HARMONISE), features, outcome)
    site = features[SITE] == "B"
    gaps = [
        abs(score[site].mean() - score[~site].mean()) / score.std()
        for score in (signature_score(plain, features), signature_score(harmonised, features))
    ]
    assert gaps[1] < 0.5 < gaps[0]
    folds = stratified_folds(outcome, folds=3, seed=1)
    held_out = cross_fitted_scores(signature(harmonise=HARMONISE), features, outcome, folds=3, repeats=1, seed=1)
    rest = folds != 0
    again = fit_signature(signature(harmonise=HARMONISE), features[rest], outcome[rest])
    expected = signature_score(again, features[~rest])
    np.testing.assert_array_equal(held_out.loc[~rest, "score"], expected)
    assert again[0].location_.tolist() != harmonised[0].location_.tolist()


def test_folds_spread_the_events_and_one_event_is_too_few():
    _, outcome = cohort()
    folds = stratified_folds(outcome, folds=5, seed=1)
    assert np.ptp(outcome["event"].groupby(folds).sum()) <= 1
    lone = outcome.assign(event=(np.arange(len(outcome)) == 0).astype(int))
    with pytest.raises(ValueError, match="needs 2 patients with the event, there is 1"):
        stratified_folds(lone, folds=5, seed=1)


def test_changed_validation_patients_leave_every_fitted_object_as_it_was(tmp_path):
    features, outcome = cohort(80)
    training = outcome.index[:60]
    saved = []
    for number, others in enumerate((features, features.assign(**{"T1|tumour|f0": features["T1|tumour|f0"] * 9}))):
        changed = pd.concat([features.loc[training], others.drop(training)])
        data = chain_data(changed.loc[training], outcome.loc[training])
        chain = fit_chain(chain_signatures(features), cox(), **data)
        chain(changed, chain_data(changed, outcome)["clinical"])
        for name, fitted in (("signature", chain.signatures["s"]), ("model", chain.model)):
            path = tmp_path / f"{name}{number}.skops"
            save_object(path, fitted)
            saved.append(path.read_bytes())
    assert saved[:2] == saved[2:]


def test_the_best_of_several_is_the_one_with_the_largest_c():
    features, outcome = cohort()
    pipeline, metadata = signature(harmonise=HARMONISE), [SITE, AGE]
    noise, signal = list(features)[1:6], list(features)[:3]
    candidates = [("noise", pipeline, noise + metadata), ("signal", pipeline, signal + metadata)]
    fitted = fit_signature(BestSignature(candidates=candidates, folds=3, seed=1), features, outcome)
    table = candidate_table(fitted)
    assert fitted.choice_ == "signal"
    assert list(table["chosen"]) == [False, True]
    assert table["c_index"].iloc[1] > table["c_index"].iloc[0]
    assert table["events"].iloc[0] == outcome["event"].sum()
    assert fitted.offered_ == 6


def test_a_cox_model_gives_the_hazard_ratios_of_lifelines_and_their_tests():
    features, outcome = cohort()
    predictors = features[[AGE]].set_axis(["age"], axis=1).assign(s=features["T1|tumour|f0"])
    fitted = fit_model(cox(), predictors, outcome)
    table = model_coefficients(fitted).set_index("predictor")
    data = predictors.assign(time=outcome["time"], event=outcome["event"])
    reference = CoxPHFitter().fit(data, "time", "event").summary.loc[table.index]
    for ours, theirs in (("coefficient", "coef"), ("hazard_ratio_low", "exp(coef) lower 95%"), ("p_wald", "p")):
        np.testing.assert_allclose(table[ours], reference[theirs], rtol=1e-4)
    assert list(model_coefficients(fitted)) == COX_COLUMNS
    assert table["p_zph"].between(0, 1).all()
    assert (table["vif"] >= 1).all()


def test_a_constant_predictor_gets_no_interval_and_stops_nothing():
    features, outcome = cohort()
    predictors = features[[AGE]].set_axis(["age"], axis=1).assign(s=1.0)
    table = model_coefficients(fit_model(cox(), predictors, outcome)).set_index("predictor")
    assert table.loc["s", "coefficient"] == 0
    assert table.loc["s", ["hazard_ratio_low", "p_wald", "p_zph", "vif"]].isna().all()
    assert table.loc["age", "vif"] == pytest.approx(1)


def test_predictions_hold_the_risk_by_every_horizon_and_survival_over_the_training_times():
    features, outcome = cohort()
    times = evaluation_times(outcome, most=7)
    assert len(times) == 7
    assert set(times) <= set(outcome.loc[outcome["event"] == 1, "time"])
    predictors = features[[AGE]].set_axis(["age"], axis=1).assign(s=features["T1|tumour|f0"])
    fitted = fit_model(cox(times=times), predictors, outcome)
    prediction = model_prediction(fitted, predictors)
    assert list(prediction)[:3] == ["score", "risk_6", "risk_12"]
    risk, survival = prediction[["risk_6", "risk_12"]].to_numpy(), prediction.iloc[:, 3:].to_numpy()
    assert (risk[:, 0] < risk[:, 1]).all()
    assert (np.diff(survival, axis=1) < 0).all()
    last = fitted["estimator"].predict_survival(fitted[:-1].transform(predictors), [times[-1]])[:, 0]
    np.testing.assert_array_equal(survival[:, -1], last)
    assert prediction["score"].corr(prediction["risk_12"], method="spearman") == pytest.approx(1)


def test_stored_predictions_keep_time_and_event_and_survival_has_a_table_of_its_own():
    features, outcome = cohort()
    predictors = features[[AGE]].set_axis(["age"], axis=1).assign(s=features["T1|tumour|f0"])
    pipeline = cox(times=evaluation_times(outcome, most=4))
    prediction = model_prediction(fit_model(pipeline, predictors, outcome), predictors)
    stored = outcome.assign(cohort=np.where(np.arange(60) < 40, "train", "external"))
    stored = stored[["cohort", "time", "event"]]
    cross_validation = prediction.iloc[:40].assign(fold=0)
    threshold = float(prediction["score"].iloc[7])
    table = combine_predictions(prediction, cross_validation, stored, threshold=threshold)
    assert list(table) == ["patient", "cohort", "time", "event", "score", "risk_6", "risk_12", "group"]
    assert list(table["cohort"].unique()) == ["train", "train_cv", "external"]
    assert (table.set_index("patient").loc["P007", "group"] == "low").all()  # a log-rank cut belongs to the low group
    survival = combine_survival(prediction, cross_validation, stored)
    assert list(survival)[:2] == ["patient", "cohort"]
    assert [float(name) for name in list(survival)[2:]] == list(evaluation_times(outcome, most=4))
    assert len(survival) == len(table)


def test_the_cut_off_is_the_maximally_selected_log_rank_of_training():
    features, outcome = cohort()
    score = features["T1|tumour|f0"]
    found = learn_cutoff(outcome, score)
    cut = fit_cut(outcome["time"], outcome["event"], score)
    assert found["rule"] == "maximally selected log-rank"
    assert found["threshold"] == cut.cut
    assert found["p_naive"] < found["p_corrected"]
    assert (risk_groups(outcome, score, cut.cut) == "low").sum() == cut.n_low
    assert risk_groups(outcome, score, np.nan) is None
    assert np.isnan(learn_cutoff(outcome, score * 0)["threshold"])
    assert "smallest allowed share" in learn_cutoff(outcome, score * 0)["reason"]


def test_cross_validation_predicts_every_patient_by_a_chain_that_did_not_see_it():
    features, outcome = cohort()
    data = chain_data(features, outcome)
    held_out = cross_validated_prediction(chain_signatures(features), cox(), **data)
    assert list(held_out) == ["fold", "score", "risk_6", "risk_12"]
    rest = (held_out["fold"] != 1).to_numpy()
    cut = {name: value[rest] if isinstance(value, pd.DataFrame) else value for name, value in data.items()}
    chain = fit_chain(chain_signatures(features), cox(), **cut)
    expected = chain(features[~rest], data["clinical"][~rest])
    np.testing.assert_array_equal(held_out.loc[~rest, "risk_12"], expected["risk_12"])


def test_bootstrap_chunks_leave_no_trace_and_hold_what_survival_follows_from():
    features, outcome = cohort(40, 6)
    data = chain_data(features, outcome)
    run = {"signatures": chain_signatures(features), "pipeline": cox(), **data}
    whole = bootstrap_chunk(**run, replicates=range(4))
    parts = [bootstrap_chunk(**run, replicates=numbers) for numbers in (range(2, 4), range(2))]
    predictions, selected = merge_bootstrap(parts)
    pd.testing.assert_frame_equal(predictions, whole.predictions)
    pd.testing.assert_frame_equal(selected, whole.selected)
    assert list(predictions) == ["replicate", "patient", "drawn", "score", "risk_6", "risk_12", "reason"]
    drawn = predictions.pivot(index="patient", columns="replicate", values="drawn").mul(outcome["event"], axis=0)
    assert drawn.sum().nunique() == 1  # as many events in every resample as in the study
    of_study, hazard = predictions[predictions["replicate"] == 2], whole.baseline.query("replicate == 2")
    at_12 = hazard.loc[hazard["time"] <= 12, "cumulative_hazard"].iloc[-1]
    np.testing.assert_allclose(1 - np.exp(-at_12 * np.exp(of_study["score"])), of_study["risk_12"], rtol=1e-12)


def test_a_resample_that_cannot_be_fitted_says_why():
    features, outcome = cohort(40, 6)
    rare = outcome.assign(event=(np.arange(40) < 2).astype(int))
    data = {**chain_data(features, rare), "scores": "apparent"}
    chunk = bootstrap_chunk(chain_signatures(features), cox(), **data, replicates=range(1, 12), stratified=False)
    failed = chunk.predictions.query("reason != ''")
    assert len(failed)
    assert failed[["score", "risk_6"]].isna().all(axis=None)


def test_permutations_keep_time_and_event_together_and_measure_c():
    features, outcome = cohort(40, 6)
    permuted = permute_outcome(outcome, seed=1, permutation=3)
    assert sorted(map(tuple, permuted.to_numpy())) == sorted(map(tuple, outcome.to_numpy()))
    assert not permuted.equals(outcome)
    assert list(permuted.index) == list(outcome.index)
    data = chain_data(features, outcome)
    run = {"signatures": chain_signatures(features), "pipeline": cox(), **data}
    run["validation"] = {"external": (features, data["clinical"], outcome)}
    table = merge_permutations([permutation_chunk(**run, permutations=[n]) for n in (1, 0, 2)])
    pd.testing.assert_frame_equal(table, permutation_chunk(**run, permutations=range(3)))
    assert list(table) == ["permutation", "cohort", "c_index", "n", "events", "reason"]
    test = permutation_test(table).set_index("cohort")
    assert test.loc["external", "observed"] > 0.6
    assert test.loc["external", "permutations"] == 2


def test_the_nomogram_of_a_cox_model_reads_survival_at_every_horizon():
    features, outcome = cohort()
    predictors = features[[AGE]].set_axis(["age"], axis=1).assign(s=features["T1|tumour|f0"])
    fitted = fit_model(cox(), predictors, outcome)
    words = {"labels": {}, "outcome_label": "progression", "unit": "months"}
    nomogram = model_nomogram(fitted, predictors, {"age": {"type": "number"}}, **words)
    found = probabilities(nomogram, total_points(nomogram, predictors))
    assert list(found) == ["6 months without progression", "12 months without progression"]
    expected = 1 - model_prediction(fitted, predictors)["risk_12"]
    np.testing.assert_allclose(found["12 months without progression"], expected, rtol=0, atol=1e-12)


def test_batches_stand_beside_the_features_and_numbers_stay_numbers(tmp_path):
    features, _ = cohort(6)
    plain = features.drop(columns=[SITE, AGE])
    plain.reset_index().to_parquet(tmp_path / "f.parquet")
    values = {"site": list(features[SITE]), "age": [None, *features[AGE].iloc[1:]]}
    (tmp_path / "b.json").write_text(json.dumps({"patients": list(features.index), "values": values}))
    read = read_features([tmp_path / "f.parquet"], tmp_path / "b.json")
    assert list(read[SITE]) == list(features[SITE])
    assert pd.api.types.is_float_dtype(read[AGE])
    assert np.isnan(read[AGE].iloc[0])
    settings = {"steps": STEPS, "sequences": ["T1"], "regions": ["tumour"], "seed": 1, "survival": True}
    pipeline, columns = signature_pipeline({**settings, "harmonise": HARMONISE}, list(read), [])
    assert isinstance(pipeline[0], Combat)
    assert set(columns) == set(read)
    assert SITE not in signature_pipeline(settings, list(read), [])[1]
    assert read_features([]) is None
