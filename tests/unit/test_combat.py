import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from habitat_radiomics.combat import Combat, metadata_column, without_metadata
from habitat_radiomics.combat_effects import batch_effect
from habitat_radiomics.persist import load_object, save_object
from oracles.oracle import Oracle, assert_close


def table(values, batch, *, patients=None, **covariates):
    """Features with their metadata columns."""
    values = pd.DataFrame(values)
    values.columns = [str(column) for column in values.columns]
    values.index = patients if patients is not None else [f"P{i:03d}" for i in range(len(values))]
    values[metadata_column("site")] = np.asarray(batch, dtype=object)
    for name, column in covariates.items():
        values[metadata_column(name)] = np.asarray(column)
    return values


def simulated(*, patients=60, features=40, sites=3, seed=0):
    generator = np.random.default_rng(seed)
    site = np.arange(patients) % sites
    shift, stretch = generator.normal(size=(sites, features)), generator.uniform(0.5, 2, (sites, features))
    values = 3 + shift[site] + stretch[site] * generator.normal(size=(patients, features))
    return values, np.array(["A", "B", "C", "D", "E"])[site]


@pytest.fixture(scope="module")
def bladder():
    oracle = Oracle("combat_bladder")
    data = oracle.table()
    return oracle, table(data.filter(like="X").to_numpy(), data["batch"].astype(str), cancer=data["cancer"])


# Against R ------------------------------------------------------------------------------------------------------

SVA = {
    "parametric": {},
    "nonparametric": {"prior": "nonparametric"},
    "mean_only": {"mean_only": True},
    "ref_batch": {"reference": "5"},
}


@pytest.mark.parametrize("variant", SVA)
@pytest.mark.parametrize("covariates", [(), ("cancer",)])
def test_harmonised_values_are_those_of_sva(bladder, variant, covariates):
    oracle, X = bladder
    case = f"combat.{variant}.{'cov' if covariates else 'nocov'}"
    out = Combat(covariates=covariates, **SVA[variant]).fit_transform(X).to_numpy()
    moments = {"col_mean": out.mean(axis=0), "col_sd": out.std(axis=0, ddof=1), "sum": out.sum()}
    oracle.check(case, first5_samples=out[:5], last_sample=out[-1], **moments)


def test_effects_fitted_on_training_samples_are_applied_to_others_as_neurocombat_does(bladder):
    oracle, X = bladder
    expected = oracle["train_apply.nocov"]
    train = np.isin(np.arange(1, len(X) + 1), expected["train_row"])
    out = Combat().fit(X[train]).transform(X[~train]).to_numpy()
    oracle.check("train_apply.nocov", first5_samples=out[:5])


def test_a_feature_constant_in_one_batch_is_left_as_it_is_and_named(bladder):
    oracle, X = bladder
    X = X.copy()
    expected = oracle["trap_constant_in_one_batch"]
    X.loc[X[metadata_column("site")] == expected["batch_made_constant"], "2"] = 7.0
    combat = Combat().fit(X)
    out = combat.transform(X)
    oracle.check("trap_constant_in_one_batch", third_feature_out=out["2"], first5_samples=out.to_numpy()[:5])
    assert combat.untouched_ == {"2": "constant within a training batch"}


def test_with_a_batch_of_one_patient_all_are_adjusted_in_the_mean_only_as_sva_does(bladder):
    oracle, X = bladder
    X = X.iloc[np.array(oracle["trap_singleton_batch"]["rows"]) - 1]
    combat = Combat(lone_patient="all_mean_only").fit(X)
    oracle.check("trap_singleton_batch", first5_samples=combat.transform(X).to_numpy()[:5])
    assert combat.notes_ == ["batch 3 has one patient: its scale was not adjusted"]


FORTIN = [
    (prior, adjusted, eb, mean_only, reference)
    for prior in ("parametric", "nonparametric")
    for adjusted in (True, False)
    for eb in (True, False)
    for mean_only in (False, True)
    for reference in (False, True)
]


@pytest.mark.parametrize("prior, adjusted, eb, mean_only, reference", FORTIN)
def test_every_variant_gives_the_values_of_fortins_packages(shared_data, prior, adjusted, eb, mean_only, reference):
    folder = shared_data / "combat_reference_fortin"
    values = pd.read_csv(folder / "inputData/testdata.csv").T.to_numpy()
    parts = ["noeb"] * (not eb) + ["meanonly"] * mean_only + ["batchref"] * reference
    stem = "_".join(["testdata_combat", prior, "adjusted" if adjusted else "unadjusted", *parts])
    files = [folder / f"outputData/{stem}_r.csv", folder / f"outputData/{stem}_python.csv"]
    found = [file for file in files if file.exists()]
    assert found
    X = table(values, ["1"] * 5 + ["2"] * 5, group=[1, 0] * 5)
    combat = Combat(
        covariates=("group",) if adjusted else (),
        prior=prior if eb else "none",
        mean_only=mean_only,
        reference="1" if reference else None,
    )
    ours = combat.fit_transform(X).to_numpy()
    for file in found:
        expected = pd.read_csv(file, header=0 if file.stem.endswith("_r") else None).to_numpy().T
        assert np.abs(ours - expected).max() < 1e-6


# Patients and features that cannot be harmonised --------------------------------------------------------------------


def test_a_batch_of_one_patient_leaves_the_scale_of_the_others_adjusted():
    values, site = simulated()
    X = table(values, np.r_[["Z"], site[1:]])
    combat = Combat().fit(X)
    assert np.isfinite(combat.transform(X).to_numpy()).all()
    lone = combat.batches_.index("Z")
    assert (combat.scale_[lone] == 1).all()
    assert combat.location_[lone].any()
    assert (np.delete(combat.scale_, lone, axis=0) != 1).all()


def test_copies_of_one_patient_count_as_a_batch_of_one():
    values, site = simulated()
    X = table(values, site)
    z = X.iloc[[0, 0, 0]].assign(**{metadata_column("site"): "Z"})
    z.index = ["Z01"] * 3
    combat = Combat().fit(pd.concat([X, z]))
    assert combat.untouched_ == {}
    assert combat.notes_ == ["batch Z has one patient: its scale was not adjusted"]


def test_missing_values_stay_missing_and_move_nothing_else_in_other_features():
    values, site = simulated()
    complete = Combat(prior="none").fit_transform(table(values, site)).to_numpy()
    holes = values.copy()
    holes[[0, 5, 11], [3, 3, 7]] = np.nan
    out = Combat(prior="none").fit_transform(table(holes, site)).to_numpy()
    assert (np.isnan(out) == np.isnan(holes)).all()
    others = np.delete(np.arange(values.shape[1]), [3, 7])
    np.testing.assert_allclose(out[:, others], complete[:, others], atol=1e-12)


def test_a_feature_with_missing_values_is_harmonised_as_the_patients_who_have_it_alone():
    values, site = simulated()
    values[:4, 3] = np.nan
    known = np.isfinite(values[:, 3])
    whole = Combat(prior="none").fit_transform(table(values, site)).loc[known, "3"]
    # Weights of the grand mean are those of all patients, as in sva; they move a feature by a constant only.
    part = Combat(prior="none").fit_transform(table(values[known][:, [3]], site[known]))["0"]
    np.testing.assert_allclose(np.diff(whole) / np.diff(whole)[0], np.diff(part) / np.diff(part)[0], rtol=1e-9)


@pytest.mark.parametrize("prior", ["parametric", "nonparametric", "none"])
def test_features_that_cannot_be_adjusted_are_left_and_say_why(prior):
    values, site = simulated()
    values[:, 0] = 4.0
    values[site == "A", 1] = np.nan
    values[site == "B", 2] = 1.0
    values[:, 3] = np.nan
    combat = Combat(prior=prior).fit(table(values, site))
    out = combat.transform(table(values, site)).to_numpy()
    np.testing.assert_array_equal(out[:, :4], values[:, :4])
    missing = "missing in all patients of a training batch"
    constant = "constant within a training batch"
    assert combat.untouched_ == {"0": constant, "1": missing, "2": constant, "3": missing}
    assert np.isfinite(out[:, 4:]).all()


def test_a_single_adjustable_feature_is_not_shrunk():
    values, site = simulated(features=1)
    combat = Combat().fit(table(values, site))
    assert combat.notes_ == ["fewer than two features can be adjusted: their effects were not shrunk"]
    assert np.isfinite(combat.transform(table(values, site)).to_numpy()).all()


def test_without_any_adjustable_feature_the_table_is_returned_as_it_is():
    X = table(np.ones((6, 2)), list("AABBCC"))
    np.testing.assert_array_equal(Combat().fit_transform(X).to_numpy(), np.ones((6, 2)))


def test_training_patients_of_one_batch_are_left_as_they_are_with_a_note():
    values, _ = simulated()
    X = table(values, ["A"] * len(values))
    combat = Combat().fit(X)
    np.testing.assert_array_equal(combat.transform(X).to_numpy(), values)
    assert combat.notes_ == ["all 60 training patients are of one batch: nothing was harmonised"]
    assert combat.report(X).loc[0, "note"] == "only batch of the training"


# Batches without training patients ----------------------------------------------------------------------------------


def test_an_unseen_batch_with_enough_patients_is_brought_to_the_training_patients():
    values, site = simulated(patients=200, sites=4)
    seen = site != "D"
    combat = Combat(prior="none").fit(table(values[seen], site[seen]))
    new = table(values[~seen], site[~seen])
    out = combat.transform(new).to_numpy()
    training = combat.transform(table(values[seen], site[seen])).to_numpy()
    np.testing.assert_allclose(out.mean(axis=0), training.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(out.std(axis=0, ddof=1), combat.deviation_, rtol=1e-9)
    assert combat.report(new).to_dict("records") == [
        {
            "batch": "D",
            "patients": 50,
            "in_training": False,
            "action": "estimated",
            "note": "not in the training: estimated from its own 50 patients, without outcomes",
        }
    ]


@pytest.mark.parametrize(
    "settings, note",
    [
        ({"fewest_unseen": 16}, "not in the training and fewer than 16 patients: left as it is"),
        ({"unseen": "leave"}, "not in the training: left as it is"),
    ],
)
def test_an_unseen_batch_that_may_not_be_estimated_is_left_with_a_note(settings, note):
    values, site = simulated(sites=4)
    seen = site != "D"
    combat = Combat(**settings).fit(table(values[seen], site[seen]))
    new = table(values[~seen], site[~seen])
    np.testing.assert_allclose(combat.transform(new).to_numpy(), values[~seen], rtol=1e-12)
    assert combat.report(new)[["action", "note"]].to_numpy().tolist() == [["left", note]]


def test_a_feature_unknown_or_constant_in_an_unseen_batch_is_left_there():
    values, site = simulated(sites=4)
    seen = site != "D"
    combat = Combat().fit(table(values[seen], site[seen]))
    values[site == "D", 0], values[site == "D", 1] = np.nan, 2.0
    out = combat.transform(table(values[~seen], site[~seen])).to_numpy()
    assert np.isnan(out[:, 0]).all()
    assert (out[:, 1] == 2.0).all()
    assert np.isfinite(out[:, 2:]).all()


def test_patients_of_known_batches_do_not_depend_on_who_is_transformed_with_them():
    values, site = simulated()
    combat = Combat().fit(table(values, site))
    whole = combat.transform(table(values, site))
    np.testing.assert_array_equal(combat.transform(table(values, site).iloc[:1]).to_numpy()[0], whole.iloc[0])


# Covariates, reference, use in a pipeline ---------------------------------------------------------------------------


def test_an_effect_of_a_covariate_survives_although_it_differs_between_the_batches():
    generator = np.random.default_rng(1)
    site = np.repeat(["A", "B"], 100)
    grade = np.where(generator.random(200) < np.where(site == "A", 0.2, 0.8), "high", "low")
    values = generator.normal(size=(200, 30)) + 2.0 * (grade == "high")[:, None] + 3.0 * (site == "B")[:, None]
    X = table(values, site, grade=grade)
    difference = {
        covariates: (lambda out: out[grade == "high"].mean() - out[grade == "low"].mean())(
            Combat(covariates=covariates).fit_transform(X).to_numpy()
        )
        for covariates in ((), ("grade",))
    }
    assert abs(difference["grade",] - 2.0) < 0.1
    assert difference[()] < 1.5


def test_a_missing_or_new_value_of_a_covariate_counts_as_the_training_mean():
    values, site = simulated()
    grade = np.where(np.arange(60) % 5 < 2, "high", "low").astype(object)
    combat = Combat(covariates=("grade",)).fit(table(values, site, grade=grade))
    new = table(values[:3], site[:3], grade=["new", None, "low"])
    out = combat.transform(new)
    assert np.isfinite(out.to_numpy()).all()
    assert combat.covariate_means_.tolist() == [0.6]
    missing = table(values, site, grade=np.r_[[None], grade[1:]])
    assert Combat(covariates=("grade",)).fit(missing).notes_ == [
        "covariate grade=low is missing for some patients: its mean stands in"
    ]


def test_a_covariate_that_equals_the_batches_is_not_preserved_and_said():
    values, site = simulated()
    X = table(values, site, scanner=np.where(site == "A", "old", "new"), age=np.full(60, 50.0))
    combat = Combat(covariates=("scanner", "age")).fit(X)
    assert combat.notes_ == [
        "covariate scanner=old cannot be told from the batches: it was not preserved",
        "covariate age cannot be told from the batches: it was not preserved",
    ]
    plain = Combat().fit_transform(table(values, site))
    np.testing.assert_allclose(combat.transform(X).to_numpy(), plain.to_numpy(), rtol=1e-12)


def test_patients_of_the_reference_batch_are_not_changed():
    values, site = simulated()
    X = table(values, site)
    combat = Combat(reference="B").fit(X)
    np.testing.assert_array_equal(combat.transform(X).to_numpy()[site == "B"], values[site == "B"])
    assert combat.report(X)["action"].tolist() == ["fitted", "unchanged", "fitted"]


def test_it_drops_the_metadata_columns_inside_a_pipeline_and_in_folds():
    values, site = simulated()
    X = table(values, site, grade=["a", "b"] * 30)
    pipeline = make_pipeline(Combat(covariates=("grade",)), StandardScaler()).set_output(transform="pandas")
    out = clone(pipeline).fit(X[:40]).transform(X[40:])
    assert out.columns.tolist() == [str(i) for i in range(values.shape[1])]
    assert out.index.equals(X.index[40:])
    assert without_metadata(X).shape == values.shape


def test_a_fitted_harmonisation_survives_storage(tmp_path):
    values, site = simulated()
    X = table(values, site, grade=["a", "b"] * 30)
    combat = Combat(covariates=("grade",)).fit(X)
    save_object(tmp_path / "combat.skops", combat)
    read = load_object(tmp_path / "combat.skops")
    pd.testing.assert_frame_equal(read.transform(X), combat.transform(X))
    assert read.report(X).equals(combat.report(X))


def test_fitting_does_not_change_the_table():
    values, site = simulated()
    X = table(values, site)
    before = X.copy()
    Combat().fit_transform(X)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize(
    "settings, change, message",
    [
        ({"prior": "normal"}, {}, "prior of ComBat is 'normal': use one of parametric, nonparametric, none"),
        ({"unseen": "stop"}, {}, "unseen of ComBat is 'stop'"),
        ({"reference": "Q"}, {}, "reference batch Q of ComBat has no training patient; batches are A, B, C"),
        ({"batch": "scanner"}, {}, r"needs the column patient\|metadata\|scanner.*Add scanner of every patient"),
        ({}, {metadata_column("site"): None}, "site is missing for patient P000, P001"),
    ],
)
def test_wrong_settings_and_tables_are_refused(settings, change, message):
    values, site = simulated()
    with pytest.raises(ValueError, match=message):
        Combat(**settings).fit(table(values, site).assign(**change))


def test_a_table_of_metadata_only_is_refused():
    with pytest.raises(ValueError, match="no features"):
        Combat().fit(table(np.empty((3, 0)), list("AAB")))


def test_the_nonparametric_weights_are_those_of_the_formula_written_out():
    generator = np.random.default_rng(0)
    Z = generator.normal(size=(7, 5))
    g, d = Z.mean(axis=0), Z.var(axis=0, ddof=1)
    effect = batch_effect(Z, prior="nonparametric", with_scale=True)
    for i in range(5):
        others = np.delete(np.arange(5), i)
        squares = ((Z[:, [i]] - g[others]) ** 2).sum(axis=0)
        likelihood = (2 * np.pi * d[others]) ** (-7 / 2) * np.exp(-squares / (2 * d[others]))
        assert_close(effect.location[i], likelihood @ g[others] / likelihood.sum(), tolerance=1e-12)
        assert_close(effect.scale[i], likelihood @ d[others] / likelihood.sum(), tolerance=1e-12)
