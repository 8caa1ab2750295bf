"""Maps on slices: what is outside the tumour stays image, and a patient without a map is said to have none."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.entry import write_json
from habitat_radiomics.figures_nested import draw_probability, draw_probability_montage, read_map
from habitat_radiomics.images import write_image
from habitat_radiomics.nested_map import map_image, shown_slice

NAMES = ["low probability", "medium probability", "most active microregion"]


@pytest.fixture
def stored(tmp_path):
    """Files of one patient: image, labels, the map's slice, record."""
    random = np.random.default_rng(0)
    inside = np.zeros((5, 30, 32), np.uint8)
    inside[1:4, 8:20, 10:24] = 1
    inside[2, 7:21, 10:24] = 1
    mask = sitk.GetImageFromArray(inside)
    labels = inside.copy()
    labels[:, :, 16:] *= 3
    numbers = sitk.GetImageFromArray(labels)
    probability = np.linspace(0.2, 0.7, int(inside.sum()))
    image = sitk.GetImageFromArray(random.normal(100, 10, inside.shape).astype(np.float32))
    files = [tmp_path / f"{name}.nii.gz" for name in ("image", "labels", "shown")]
    for each, path in zip((image, numbers, shown_slice(map_image(probability, mask), mask)), files, strict=True):
        write_image(each, path)
    write_json(tmp_path / "record.json", {"faults": [], "measures": {}})
    whole = np.full(inside.shape, np.nan)
    whole[inside > 0] = probability
    return [*files, tmp_path / "record.json"], whole[2], labels[2]


def test_a_map_survives_its_file_and_is_cut_like_the_image(stored):
    files, expected, labels = stored
    found, probability = read_map(*files)
    assert found.number == 3 and probability.shape == found.values.shape == found.labels.shape
    np.testing.assert_array_equal(np.isnan(probability), found.labels == 0)
    np.testing.assert_allclose(np.sort(probability[found.labels > 0]), np.sort(expected[labels > 0]), rtol=1e-6)


def test_a_patient_is_drawn_with_every_sequence_the_map_and_the_subregions(stored):
    found = read_map(*stored[0])
    figure = draw_probability({"T1": found, "T2": found}, patient="P1", names=NAMES)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == ["T1,\nslice 3 of 5 (S 2.0 mm)", "T2,\nslice 3 of 5 (S 2.0 mm)"]
    assert titles[2:4] == ["Map", "Subregions"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[-1] == "edge of the most active microregion" and "3  most active microregion" in words
    low, high = np.nanquantile(found[1], (0.02, 0.98))
    assert [label.get_text() for label in figure.axes[4].get_xticklabels()] == [f"{low:.2f}", f"{high:.2f}"]


def test_a_patient_without_a_map_is_said_to_have_none(tmp_path):
    write_json(
        tmp_path / "record.json", {"faults": [{"code": "empty", "message": "the mask is empty"}], "measures": {}}
    )
    reason = read_map("no", "no", "no", tmp_path / "record.json")
    figure = draw_probability({"T1": reason}, patient="P1", names=NAMES)
    assert "the mask is empty" in figure.axes[0].texts[0].get_text()


def test_the_montage_has_a_tile_for_everybody(stored):
    found = read_map(*stored[0])
    figure = draw_probability_montage([("P1", found), ("P2", "no image")], title="Core", k=3)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["P1", "P2"]
    assert "not shown" in figure.axes[1].texts[0].get_text()
