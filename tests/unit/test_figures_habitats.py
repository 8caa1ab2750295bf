import numpy as np
import pandas as pd
import pytest

from habitat_radiomics.figures_habitat_charts import draw_stability
from habitat_radiomics.habitat_feature_stability import feature_stability
from habitat_radiomics.habitat_stability import ALL, MORE, NOISE, PERTURBATIONS, REFERENCE, SHIFTED, stability_summary


def agreement(patients=6):
    random = np.random.default_rng(1)
    rows = [
        (f"P{patient}", name, measure, habitat, random.uniform(0.5, 1), "")
        for patient in range(patients)
        for name in PERTURBATIONS
        for measure, habitat in (("dice", "1"), ("dice", "2"), ("ari", ALL))
    ]
    return pd.DataFrame(rows, columns=["patient", "perturbation", "measure", "habitat", "value", "reason"])


def features(patients=6):
    random = np.random.default_rng(2)
    names = [f"T1|core{habitat}|f{i}" for habitat in (1, 2) for i in range(8)]
    truth = random.standard_normal((patients, len(names)))
    noise = {REFERENCE: 0.1, MORE: 0.5, NOISE: 0.1, SHIFTED: 2.0}
    rows = {
        (f"P{patient}", name): truth[patient] + sd * random.standard_normal(len(names))
        for name, sd in noise.items()
        for patient in range(patients)
    }
    table = pd.DataFrame(rows, index=names).T.rename_axis(["patient", "perturbation"]).reset_index()
    table.loc[table["perturbation"] == MORE, names[8:]] = np.nan
    return table


@pytest.mark.parametrize("threshold", [None, 0.75])
def test_stability_shows_habitats_and_features_under_every_perturbation(threshold):
    stability = feature_stability(features())
    figure = draw_stability(
        stability_summary(agreement()), stability, names=["low", "high"], title="Core", threshold=threshold
    )
    dice, rand, icc = figure.axes
    assert [label.get_text() for label in dice.get_yticklabels()][-1] == "all of the same k"
    assert len(dice.get_yticklabels()) == len(rand.get_yticks()) == len(PERTURBATIONS) + 1
    assert "6 patients" in icc.get_xlabel()
    drawn = [np.ma.getdata(points.get_offsets())[:, 0] for points in icc.collections]
    first, second = (x for x in drawn if len(x) == len(PERTURBATIONS) + 1)
    order, of_first = [*PERTURBATIONS, ALL], stability["feature"].str.contains("core1")
    expected = stability[of_first].groupby("perturbation")["icc"].median().clip(lower=0)
    assert first[order.index(NOISE)] == pytest.approx(expected[NOISE])
    assert first[order.index(NOISE)] > first[order.index(SHIFTED)]
    assert np.isnan(second[order.index(MORE)])
    everything = stability.loc[stability["perturbation"] == ALL, "icc"]
    assert icc.get_title(loc="left") == (
        "" if threshold is None else f"{(everything > 0.75).sum()} of 16 features > 0.75"
    )
