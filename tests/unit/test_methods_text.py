"""The methods name what ran, and nothing else."""

import pytest

from example_results import example_config
from habitat_radiomics.methods_text import habitats_text, methods_text


def text_of(config, versions=None):
    orders = {name: list(config[name]) for name in ("sequences", "clinical", "signatures", "models")}
    paragraphs = methods_text(config, orders=orders, reference="clinical", versions=versions or {})
    return " ".join(text for _, text in paragraphs).replace("\N{NO-BREAK SPACE}", " ")


def changed(section, **changes):
    return text_of(example_config(**{section: changes}))


def test_the_default_study_is_described_in_full():
    text = text_of(example_config(), {"docutils": "1", "numpy": "2.4.0", "pyradiomics": "3.0.1", "python": "3.11.4"})
    for words in (
        "The cohorts were given in column cohort",
        "T1 and T2: images were corrected for the bias field with N4 (Tustison 2010; separable implementation; "
        "shrink factor 4) inside the body",
        "resampled to 1 × 1 × 1 mm (cubic B-spline interpolation",
        "mean 0 and standard deviation 100 of the body",
        "the peritumoural shell of 5 mm around it, clipped to the body",
        "Every sequence and region: 386 features (bank original_and_log:",
        "LoG with sigma 1, 3, 5 mm",
        "ICC(2,1) and between repeated readings of one reader by ICC(3,1)",
        "Tumour, Peritumour and Expansion: ICC above 0.75",
        "one-way analysis of variance, p < 0.05; the 100 features",
        "penalty of smallest deviance of 10-fold cross-validation",
        "cross-fitted in 5 folds",
        "Wilson's method",
        "compared with that of Clinical",
        "ran with Python 3.11.4, pyradiomics 3.0.1 and numpy 2.4.0.",
    ):
        assert words in text


def test_steps_that_did_not_run_are_not_named():
    config = example_config(preprocess={"bias_correction": False, "spacing_mm": None}, intensity={"method": "none"})
    steps = [{"zscore": {}}, {"lasso": {"folds": 5, "rule": "1se"}}]
    config["signatures"] = {"tumour": {**config["signatures"]["tumour"], "steps": steps}}
    text = text_of(config)
    for words in ("N4", "resampled", "ICC", "variance", "registered", "The analysis ran with"):
        assert words not in text
    assert "images kept their own grid; grey values were used as they are" in text
    assert "within one standard error of the smallest deviance of 5-fold" in text


@pytest.mark.parametrize(
    ("method", "extra", "words"),
    [
        (
            "random",
            {"train_fraction": 0.7},
            "70 % of the patients were drawn for training by a hash of the identifier (seed 2026).",
        ),
        ("random", {"external_sites": ["B"]}, "; patients of B form the external cohort."),
        ("date", {"train_until": "2019-08-31"}, "Patients until 2019-08-31 train"),
        ("site", {"train_sites": ["A", "C"]}, "Patients of A and C train"),
    ],
)
def test_every_way_to_divide_patients_is_described(method, extra, words):
    assert words in changed("split", method=method, **extra)


def test_sequences_treated_differently_are_described_apart():
    config = example_config()
    config["reference"] = "T1"
    config["sequences"] = {
        "T1": None,
        "T2": {"preprocess": {"bias_correction": False}, "intensity": {"method": "nyul"}},
    }
    text = text_of(config)
    assert "The masks drawn on T1 were applied to all sequences." in text
    assert "T2: images were registered to T1 (rigid) and resampled" in text
    assert "landmarks learnt from the training patients" in text


def test_banks_of_regions_are_described_apart():
    text = changed("features", banks={"peritumour": "D"}, bin_count=32, bin_width=None)
    assert "T1 peritumour and T2 peritumour: 93 features (bank D:" in text
    assert "32 bins" in text


def test_the_engine_of_the_bias_correction_is_named():
    assert "N4 (Tustison 2010; ITK; shrink factor 2)" in changed("preprocess", bias_engine="reference", shrink_factor=2)


def test_the_engine_and_its_check_are_named():
    text = text_of(example_config())
    assert (
        "compiled code with PyRadiomics' values; in 1 % of the scans, drawn by a hash, PyRadiomics calculated" in text
    )
    unchecked = changed("features", cross_check=0)
    assert "PyRadiomics' values. " in unchecked and "drawn by a hash, PyRadiomics" not in unchecked
    assert "They were calculated by PyRadiomics. " in changed("features", engine="reference")


def test_other_intervals_scores_and_policies_are_named():
    assert "method of Clopper and Pearson" in changed("validation", proportion_interval="clopper-pearson")
    assert "90 % interval" in changed("validation", interval_level=0.9)
    assert "own (apparent) training scores" in changed("training", scores="apparent")
    assert "Every listed patient had to have" in changed("data", incomplete_patients="stop")


def test_habitats_are_described_as_they_were_learnt():
    text = habitats_text(example_config())
    for words in (
        "By k-means of the intensity of T2, tumours were divided into as many habitats as BIC chose for the cohort "
        "among 1 to 6 (habitat1, habitat2, ... by ascending centroid).",
        "2,000 voxels of each training patient, each patient weighing the same, and every voxel took the nearest",
        "From each habitat of the primary reading 93 features were taken",
    ):
        assert words in text
    chosen = {**example_config()["habitats"]["habitat"], "k": 3, "scope": "patient", "method": "gmm"}
    given = habitats_text(example_config(habitats={"habitat": chosen}))
    assert "By a Gaussian mixture of the intensity of T2, tumours were divided into 3 habitats (" in given
    assert "Each tumour was clustered by itself" in given
    assert habitats_text({**example_config(), "habitats": {}}) == ""


def test_kinds_of_models_are_named_with_what_they_take():
    config = example_config()
    config["models"]["radiomics"] |= {"estimator": "svm", "inputs": "features"}
    text = text_of(config)
    label = config["models"]["radiomics"]["label"]
    assert f"{label}: support vector machines with a Gaussian kernel" in text
    assert "unpenalised logistic regressions" in text
    assert f"{label} took the features selected on the training patients" in text
    assert "support vector" not in text_of(example_config())


def test_the_best_of_several_signatures_is_described_as_a_choice_in_training():
    config = example_config()
    config["signatures"]["best"] = {"label": "Best region", "best_of": ["tumour", "peritumour"]}
    config["signatures"]["best"] |= {"regions": [], "steps": []}
    text = text_of(config)
    assert "Best region is the one of Tumour and Peritumour with the largest AUC in 5-fold cross-validation" in text


def test_stability_of_features_is_named_where_a_signature_asks_for_it():
    config = example_config()
    assert "made and measured again" in text_of(config)
    assert "its stability" not in text_of(config)
    habitat = config["signatures"]["habitat"]
    config["signatures"]["habitat"] = {**habitat, "steps": [{"stable": {"threshold": 0.8}}, *habitat["steps"]]}
    assert "ICC(2,1) of a feature over all of them is its stability" in text_of(config)
    assert "for habitats, ICC above 0.8 under small changes" in text_of(config)


def test_given_features_are_described_as_such_and_nothing_is_said_of_images():
    text = changed("data", source="features", features={"T1": {"tumour": "a.csv", "rim": "b.csv"}})
    assert "Features were given in tables (T1 tumour and T1 rim)" in text
    assert "bias field" not in text
    assert "PyRadiomics" not in text


def test_a_choice_among_classifiers_names_them_from_the_simplest_on():
    config = example_config()
    chosen = {"estimator": "best", "classifiers": ["mlp", "knn"], "inputs": "features"}
    config = {**config, "models": {**config["models"], "combined": {**config["models"]["combined"], **chosen}}}
    text = text_of(config)
    assert "Combined chose from, the simplest first: k nearest neighbours and multilayer perceptron; each tuned" in text
    assert "within one standard error of the largest" in text
    assert "That of Combined was learnt on scores of training patients held out from the fit." in text
    assert "chose from" not in text_of(example_config())
