"""Banks and extraction settings, against pyradiomics' own lists of features, image types and defaults."""

import copy
import inspect
import json
import re
import subprocess
import sys

import pytest
import radiomics
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from conftest import ROOT
from habitat_radiomics.banks import (
    BANKS,
    DEFAULT_SETTINGS,
    IMAGE_TYPES,
    bank_fault,
    bank_of,
    complete_settings,
    feature_names,
    settings_fault,
)
from habitat_radiomics.feature_names import CLASS_FEATURES, DEPRECATED_SHAPE_FEATURES, SHAPE_FEATURES

COUNTS = {"A": 1130, "A_deprecated": 1133, "B": 1409, "C": 1906, "D": 93}


@pytest.mark.parametrize(("bank", "count"), COUNTS.items())
def test_a_named_bank_has_the_number_of_features_of_its_study(bank, count):
    names = feature_names(bank)
    assert len(names) == len(set(names)) == count


def test_every_named_bank_is_counted_here():
    assert set(BANKS) == set(COUNTS)


def test_feature_tables_equal_the_features_pyradiomics_enables_in_its_order():
    classes = radiomics.getFeatureClasses()
    enabled = {name: [f for f, old in cls.getFeatureNames().items() if not old] for name, cls in classes.items()}
    assert {name: list(features) for name, features in CLASS_FEATURES.items()} == {
        name: enabled[name] for name in enabled if not name.startswith("shape")
    }
    assert list(SHAPE_FEATURES) == enabled["shape"]
    assert set(DEPRECATED_SHAPE_FEATURES) == set(classes["shape"].getFeatureNames()) - set(enabled["shape"])


def test_image_types_are_those_of_pyradiomics():
    assert set(IMAGE_TYPES) == set(radiomics.getImageTypes())


@pytest.mark.parametrize("kind", [kind for kind in IMAGE_TYPES if kind != "LoG"])
def test_options_and_defaults_of_an_image_type_are_those_of_pyradiomics(kind):
    functions = [getattr(imageoperations, f"get{kind}Image")] + [imageoperations._swt3] * (kind == "Wavelet")
    source = "".join(map(inspect.getsource, functions))
    defaults = dict(re.findall(r"kwargs\.get\('(\w+)', (.+?)\)", source))
    own = {name: eval(text) for name, text in defaults.items() if name not in ("force2D", "force2Ddimension", "label")}
    assert IMAGE_TYPES[kind] == own


def test_default_settings_are_those_of_pyradiomics():
    theirs = RadiomicsFeatureExtractor().settings
    assert DEFAULT_SETTINGS["distances"] == theirs["distances"]
    assert DEFAULT_SETTINGS["force_2d"] == theirs["force2D"]
    assert DEFAULT_SETTINGS["force_2d_dimension"] == theirs["force2Ddimension"]
    assert "kwargs.get('binWidth', 25)" in inspect.getsource(imageoperations.getBinEdges)
    assert DEFAULT_SETTINGS["bin_width"] == 25


def test_whole_and_decimal_sigmas_give_the_same_names():
    banks = [{"image_types": {"LoG": {"sigma": sigma}}, "classes": ["ngtdm"], "shape": False} for sigma in ([1], [1.0])]
    assert feature_names(banks[0]) == feature_names(banks[1])
    assert feature_names(banks[0])[0] == "log-sigma-1-0-mm-3D_ngtdm_Busyness"


def test_slicewise_extraction_has_four_wavelet_bands():
    images = {name.split("_")[0] for name in feature_names("A", force_2d=True) if name.startswith("wavelet")}
    assert images == {"wavelet-LL", "wavelet-LH", "wavelet-HL", "wavelet-HH"}


def test_a_user_may_choose_single_features_of_a_class():
    bank = {"image_types": {"Original": {}}, "classes": {"glcm": ["Idm", "Contrast"]}, "shape": False}
    assert feature_names(bank) == ["original_glcm_Idm", "original_glcm_Contrast"]


def test_a_bank_without_classes_and_shape_gets_all_of_them():
    assert len(feature_names({"image_types": {"Original": {}}})) == 107


def test_completing_a_bank_changes_neither_the_users_nor_the_named_one():
    before = copy.deepcopy(BANKS)
    bank_of("A")["classes"]["glcm"].clear()
    own = {"image_types": {"LoG": {"sigma": [1]}}}
    bank_of(own)["image_types"].clear()
    assert before == BANKS
    assert own == {"image_types": {"LoG": {"sigma": [1]}}}


@pytest.mark.parametrize("bank", BANKS)
def test_a_named_bank_survives_a_settings_file(bank):
    assert feature_names(json.loads(json.dumps(BANKS[bank]))) == feature_names(bank)


ORIGINAL = {"image_types": {"Original": {}}}
BANK_FAULTS = [
    ("a", "unknown bank 'a': did you mean 'A'?"),
    ("E", "unknown bank 'E': allowed: A, B, C, D, A_deprecated."),
    ({"image_type": {}}, "unknown key of a bank 'image_type': did you mean 'image_types'?"),
    ({"image_types": {"log": {"sigma": [1]}}}, "unknown image type 'log': did you mean 'LoG'?"),
    ({"image_types": {"Wavelets": {}}}, "unknown image type 'Wavelets': did you mean 'Wavelet'?"),
    ({"image_types": {"LoG": {"sigmas": [1]}}}, "unknown option of image type LoG 'sigmas': did you mean 'sigma'?"),
    ({"image_types": {"LoG": {}}}, "image type LoG needs sigma, a list of different numbers above 0 in mm"),
    ({"image_types": {"LoG": {"sigma": [1, 1.0]}}}, "image type LoG needs sigma, a list of different numbers"),
    ({"image_types": {"LoG": {"sigma": [0]}}}, "image type LoG needs sigma, a list of different numbers above 0"),
    ({"image_types": {"Wavelet": {"wavelet": "coiff1"}}}, "unknown wavelet 'coiff1': did you mean 'coif1"),
    ({"image_types": {"Wavelet": {"level": 0}}}, "image type Wavelet: the number of levels must be a whole number"),
    ({"image_types": {"LBP2D": {"bin_width": 0}}}, "image type LBP2D: bin_width must be a number above 0, found 0."),
    ({"image_types": {"LBP2D": {"bin_width": 1, "bin_count": 8}}}, "image type LBP2D: give bin_width or bin_count"),
    ({**ORIGINAL, "classes": ["GLCM"]}, "unknown feature class 'GLCM': did you mean 'glcm'?"),
    ({**ORIGINAL, "classes": ["shape2D"]}, "unknown feature class 'shape2D': allowed: firstorder, glcm"),
    (
        {**ORIGINAL, "classes": {"glcm": ["contrast"]}},
        "unknown feature of class glcm 'contrast': did you mean 'Contrast",
    ),
    ({**ORIGINAL, "shape": 1}, "shape of a bank must be true or false, found 1."),
    ({"image_types": {}, "shape": False}, "the bank is empty: give image_types and classes, or shape: true."),
]


@pytest.mark.parametrize(("bank", "sentence"), BANK_FAULTS)
def test_a_wrong_bank_is_refused_with_the_nearest_valid_name(bank, sentence):
    assert bank_fault(bank).startswith(sentence)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        bank_of(bank)


def test_right_banks_have_no_fault():
    user = {**ORIGINAL, "classes": ["firstorder"], "shape": True, "deprecated_shape": True}
    assert [bank_fault(bank) for bank in (*BANKS, *BANKS.values(), user)] == [None] * (2 * len(BANKS) + 1)


SETTINGS_FAULTS = [
    ({"binwidth": 25}, "unknown extraction setting 'binwidth': did you mean 'bin_width'?"),
    ({"bin_width": -1}, "extraction settings: bin_width must be a number above 0, found -1."),
    ({"bin_count": 1}, "extraction settings: bin_count must be a whole number, 2 or more, found 1."),
    ({"weighting_norm": "euclid"}, "unknown weighting_norm 'euclid': did you mean 'euclidean'?"),
    ({"resegment_range": [400, -500]}, "resegment_range must be [low, high], one of them may be empty; found [400,"),
    ({"resegment_range": [None, None]}, "resegment_range must be [low, high]"),
    ({"outlier_sd": 0}, "outlier_sd must be a number of standard deviations above 0, found 0."),
    ({"distances": [0]}, "distances must be a list of whole numbers of voxels, 1 or more; found [0]."),
    ({"force_2d_dimension": 3}, "force_2d_dimension must be 0, 1 or 2 (z, y, x); found 3."),
    ({"min_voxels": 0}, "min_voxels must be a whole number, 1 or more; found 0."),
    ({"pad_voxels": 1.5}, "pad_voxels must be a whole number, 0 or more; found 1.5."),
]


@pytest.mark.parametrize(("settings", "sentence"), SETTINGS_FAULTS)
def test_a_wrong_setting_is_refused_in_a_sentence(settings, sentence):
    assert settings_fault(settings).startswith(sentence)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        complete_settings(settings)


def test_bin_count_replaces_bin_width():
    assert complete_settings({"bin_width": 25, "bin_count": 32})["bin_width"] is None
    assert complete_settings({"bin_width": None, "bin_count": None})["bin_width"] == 25
    assert settings_fault(complete_settings({"resegment_range": [0, None]})) is None


def test_checking_a_bank_needs_no_imaging_library():
    heavy = "{'numpy', 'SimpleITK', 'radiomics', 'pandas'} & set(sys.modules)"
    code = f"import sys; from habitat_radiomics.banks import feature_names; feature_names('C'); sys.exit(len({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts").returncode == 0
