import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.bin_width import bin_counts, bin_width_table, images_of, suggested_width, width_of


def features(low, high, *, image="original", sequence="T1"):
    names = [f"{sequence}|tumour|{image}_firstorder_{end}" for end in ("Minimum", "Maximum")]
    return pd.DataFrame(dict(zip(names, (low, high), strict=True)), index=[f"P{i}" for i in range(len(low))])


@pytest.mark.parametrize("width", [5, 25, 0.5])
def test_the_bins_are_those_of_pyradiomics(width):
    from radiomics import imageoperations

    generator = np.random.default_rng(3)
    values = generator.normal(90, 40, 500)
    values[:3] = [75, 100, 125]  # on edges
    edges = imageoperations.getBinEdges(values, binWidth=width)
    found = np.digitize(values, edges)
    assert bin_counts(values.min(), values.max(), width) == found.max()


def test_the_width_with_the_most_usual_patients_is_suggested_and_the_one_used_is_marked():
    table = bin_width_table(
        features([0, 0, 0], [399, 500, 600]), region="tumour", used={"T1": {"original": 100}}, candidates=(1, 10, 100)
    )
    of = table.set_index("width")
    assert list(of["median"]) == [501, 51, 6]
    assert list(of["share_usual"]) == [0, 1, 0]
    assert of.loc[10, "suggested"] and not of.loc[[1, 100], "suggested"].any()
    assert of.loc[100, "used"] and not of.loc[[1, 10], "used"].any()
    assert list(of.loc[10, ["fewest", "most", "patients"]]) == [40, 61, 3]


def test_a_width_of_the_study_that_is_no_candidate_gets_its_row():
    table = bin_width_table(features([0.0], [70.0]), region="tumour", used={"T1": {"original": 7}}, candidates=(1, 10))
    assert list(table["width"]) == [1, 7, 10] and list(table["used"]) == [False, True, False]


def test_missing_values_are_left_out_and_images_without_extremes_have_no_rows():
    some = features([0, np.nan], [50, np.nan])
    some["T1|tumour|wavelet-LLH_glcm_Contrast"] = 1.0
    some["T1|peritumour|original_firstorder_Minimum"] = 0.0
    assert images_of(some, "tumour") == [("T1", "original")]
    assert (bin_width_table(some, region="tumour", used={"T1": {}})["patients"] == 1).all()
    assert bin_width_table(some[["T1|tumour|wavelet-LLH_glcm_Contrast"]], region="tumour", used={"T1": {}}).empty


def test_a_tie_goes_to_the_width_with_bins_in_the_middle():
    table = pd.DataFrame({"width": [1, 2, 5], "median": [120, 60, 24], "share_usual": [1.0, 1.0, 1.0]})
    assert suggested_width(table) == 2


def test_the_width_of_an_image_is_that_of_its_type():
    widths = {"original": 25, "log": 10, "logarithm": 3, "wavelet": None}
    assert [width_of(image, widths) for image in ("original", "log-sigma-1-0-mm-3D", "logarithm", "wavelet-LLH")] == [
        25,
        10,
        3,
        None,
    ]
    assert width_of("square", widths) is None
