import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from habitat_radiomics.precision_recall import NO_INTERVAL, average_precision, precision_recall
from oracles.oracle import Oracle

TABLE = Oracle("roc_asah").table()
Y = TABLE["y"].to_numpy()


@pytest.mark.parametrize("name", ["s100b", "ndka", "wfns"])  # with ties, nearly without, five levels
def test_points_and_average_precision_agree_with_scikit_learn(name):
    curve = precision_recall(Y, TABLE[name])
    precision, recall, _ = precision_recall_curve(Y, TABLE[name])
    np.testing.assert_allclose(curve.precision, precision, atol=1e-15)
    np.testing.assert_allclose(curve.recall, recall, atol=1e-15)
    result = average_precision(Y, TABLE[name])
    assert result.estimate == pytest.approx(average_precision_score(Y, TABLE[name]), abs=1e-12)
    assert result.ci_low < result.estimate < result.ci_high
    assert result.prevalence == curve.prevalence == pytest.approx(Y.mean())


def test_by_hand():
    curve = precision_recall([1, 0, 1], [3, 2, 1])
    assert curve.precision.tolist() == [2 / 3, 1 / 2, 1, 1]
    assert curve.recall.tolist() == [1, 1 / 2, 1 / 2, 0]
    assert average_precision([1, 0, 1], [3, 2, 1]).estimate == pytest.approx((1 + 2 / 3) / 2)


def test_the_interval_is_that_of_the_logit():
    result = average_precision(Y, TABLE["s100b"], level=0.9)
    ap, events = result.estimate, Y.sum()
    half = 1.6448536269514722 / np.sqrt(events * ap * (1 - ap))
    assert np.log(result.ci_high / (1 - result.ci_high)) == pytest.approx(np.log(ap / (1 - ap)) + half)


def test_a_constant_score_has_the_prevalence_and_a_perfect_one_no_interval():
    assert average_precision(Y, np.zeros(Y.size)).estimate == pytest.approx(Y.mean())
    perfect = average_precision(Y, Y)
    assert (perfect.estimate, perfect.reason) == (1, NO_INTERVAL)
    assert np.isnan([perfect.ci_low, perfect.ci_high]).all()


def test_one_class_and_missing_scores_are_refused():
    with pytest.raises(ValueError, match="y holds one class only"):
        precision_recall([1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match="score is NaN or infinite for 1 of 2 patients"):
        average_precision([0, 1], [0.2, np.nan])
