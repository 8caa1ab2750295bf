import numpy as np
import SimpleITK as sitk

from habitat_radiomics.features import extract_features
from habitat_radiomics.habitat_features import habitat_features, habitat_regions

BANK = {"image_types": {"Original": {}, "LoG": {"sigma": [2]}}, "classes": ["firstorder", "glcm"], "shape": False}
SETTINGS = {"min_voxels": 10}


def labels_and_image():
    array = np.zeros((8, 12, 12), np.uint8)
    array[2:6, 2:10, 2:10] = 1
    array[2:6, 2:10, 6:10] = 2
    values = 100 * array + 20 * np.random.default_rng(0).standard_normal(array.shape)
    return sitk.GetImageFromArray(array), sitk.GetImageFromArray(values.astype(np.float32))


def found(k=3, shape=True):
    labels, image = labels_and_image()
    return habitat_features(
        image, labels, k=k, name="core", bank=BANK, shape=shape, settings=SETTINGS, reading="reader1"
    )


def test_habitats_are_regions_under_the_name_of_their_set():
    rows = found()
    assert list(dict.fromkeys(row.region for row in rows)) == ["core1", "core2", "core3"]
    shares = {row.region: row.value for row in rows if row.feature == "habitat_fraction"}
    assert shares == {"core1": 0.5, "core2": 0.5, "core3": 0.0}
    assert {row.reading for row in rows} == {"reader1"}


def test_features_of_a_habitat_are_those_of_any_region():
    labels, image = labels_and_image()
    expected = extract_features(image, {"core2": labels == 2}, banks={"core2": BANK}, settings=SETTINGS)
    assert [tuple(row[1:]) for row in found(shape=False) if row.region == "core2"] == expected
    assert len(expected) == 2 * (18 + 24)


def test_a_habitat_that_the_patient_lacks_has_every_row_and_a_reason():
    rows = [row for row in found(shape=False) if row.region == "core3"]
    assert len(rows) == 2 * (18 + 24)
    assert all(np.isnan(row.value) and "the region is missing" in row.reason for row in rows)
    assert habitat_regions(labels_and_image()[0], k=3, name="core")["core3"] is None


def test_size_and_neighbourhood_are_listed_under_one_sequence_only():
    assert not [row for row in found(shape=False) if row.feature.startswith("habitat_")]
    assert len(found()) - len(found(shape=False)) == 3 * 6 + 3
