import math

import pytest

from habitat_radiomics.banks import feature_names
from habitat_radiomics.labels import (
    coefficient,
    count,
    duration,
    feature_label,
    interval,
    number,
    p_value,
    percent,
    ratio,
    significant,
    step_label,
)
from habitat_radiomics.score_names import score_label


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("T1|tumour|wavelet-LLH_glcm_JointEntropy", "T1 tumour, wavelet LLH, GLCM joint entropy"),
        (
            "T2|peritumour|log-sigma-3-0-mm-3D_firstorder_90Percentile",
            "T2 peritumour, LoG 3 mm, first-order 90th percentile",
        ),
        ("PET|tumour|original_shape_Maximum2DDiameterRow", "PET tumour, original, shape maximum 2D diameter row"),
        ("T1|tumour|squareroot_glcm_Idmn", "T1 tumour, square root, GLCM inverse difference moment normalized"),
        ("T1|habitat1|fraction", "T1 habitat1, fraction"),
        ("T1|habitat1|habitat_contact_habitat2_mm2", "T1 habitat1, contact habitat2 (mm²)"),
        ("(intercept)", "Intercept"),
    ],
)
def test_a_feature_column_is_told_in_words(column, words):
    assert feature_label(column) == words


def test_two_features_never_get_the_same_words():
    names = {*feature_names("C"), *feature_names("A_deprecated")}
    assert len({feature_label(f"T1|tumour|{name}") for name in names}) == len(names)


def test_numbers_have_fixed_decimals_a_true_minus_and_no_negative_zero():
    assert [number(0.8249), number(-1.5), number(-0.001), number(math.nan), number(None)] == [
        "0.82",
        "−1.50",
        "0.00",
        "–",
        "–",
    ]


def test_significant_digits_and_counts_are_readable():
    assert [significant(-0.00123456), significant(56.1, 3), count(1130.0), count(math.nan)] == [
        "−0.001235",
        "56.1",
        "1,130",
        "–",
    ]


def test_coefficients_keep_their_zeros_and_ratios_two_decimals():
    assert [coefficient(0.3), coefficient(-12.0), coefficient(1234.5)] == ["0.3000", "−12.00", "1234"]
    assert [ratio(v) for v in (1.0005, 201.4, 0.0123, 4150.2, math.nan)] == ["1.00", "201", "0.012", "4,150", "–"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(1204.4, "1,204"), (98.04, "98.0"), (100.6, "101"), (24.37, "24.4"), (None, "–"), (math.nan, "–")],
)
def test_durations_are_whole_from_100_on(value, words):
    assert duration(value) == words


def test_an_interval_with_a_missing_limit_is_not_estimable():
    assert interval(0.7, 0.94) == "0.70 to 0.94"
    assert interval(math.nan, 0.94) == "not estimable"


def test_small_p_values_are_bounded_and_levels_are_percent():
    assert [p_value(0.0314), p_value(0.0009), p_value(math.nan), percent(0.95)] == [
        "0.031",
        "<0.001",
        "–",
        "95\N{NO-BREAK SPACE}%",
    ]


def test_a_repeated_step_keeps_its_number():
    assert [step_label("zscore"), step_label("zscore-2"), step_label("own")] == [
        "Standardised",
        "Standardised (2)",
        "own",
    ]


def test_a_signature_that_is_called_a_score_is_not_called_so_twice():
    assert score_label("Rad-score") == "Rad-score"
    assert score_label("Tumour") == "Score Tumour"


def test_significant_digits_keep_their_zeros():
    assert [significant(41.0, 3), significant(100.0, 3), significant(0.5, 3)] == ["41.0", "100", "0.500"]
