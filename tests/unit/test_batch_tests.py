import numpy as np
import pandas as pd
import pytest
from scipy import stats

from habitat_radiomics.batch_tests import batch_summary, batch_tests, principal_components
from habitat_radiomics.combat import Combat, metadata_column
from habitat_radiomics.figures_harmonise import draw_harmonisation


def example(*, patients=45, features=6, seed=0):
    generator = np.random.default_rng(seed)
    batch = pd.Series(np.array(["A", "B", "C"])[generator.integers(0, 3, patients)])
    values = pd.DataFrame(generator.normal(size=(patients, features)).round(1), columns=list("uvwxyz")[:features])
    values["u"] += (batch == "B") * 2
    values["v"] *= np.where(batch == "B", 4, 1)
    values.loc[[1, 4], "w"] = np.nan
    return values, batch


@pytest.mark.parametrize(
    "test, reference", [("kruskal", stats.kruskal), ("anova", stats.f_oneway), ("levene", stats.levene)]
)
def test_every_feature_is_tested_as_scipy_does_without_its_missing_values(test, reference):
    values, batch = example()
    table = batch_tests(values, batch, test=test).set_index("feature")
    for name, column in values.items():
        groups = [column[(batch == b) & column.notna()] for b in "ABC"]
        expected = reference(*groups)
        np.testing.assert_allclose(table.loc[name, ["statistic", "p"]].astype(float), expected, rtol=1e-9)
    assert table.loc["w", "patients"] == 43
    np.testing.assert_allclose(table["q"], stats.false_discovery_control(table["p"]))


def test_constant_and_unknown_features_have_no_p_value():
    values, batch = example()
    values = values.assign(constant=1.0, unknown=np.nan, one_batch=values["x"].where(batch == "A"))
    table = batch_tests(values, batch).set_index("feature")
    assert table.loc[["constant", "unknown", "one_batch"], ["statistic", "p", "q", "explained"]].isna().all(axis=None)
    assert np.isfinite(table.loc["x", "q"])


def test_an_unknown_test_is_refused():
    with pytest.raises(ValueError, match="test is 'wilcoxon': use one of kruskal, anova, levene"):
        batch_tests(*example(), test="wilcoxon")


def test_coordinates_are_the_principal_components_of_standardised_features():
    values, _ = example()
    complete = values.fillna(values.mean())
    coordinates, explained = principal_components(values.assign(constant=3.0))
    standard = (complete - complete.mean()) / values.std(ddof=0)
    share = np.linalg.eigvalsh(np.cov(standard.T))[::-1]
    np.testing.assert_allclose(explained, share[:2] / share.sum(), rtol=1e-9)
    np.testing.assert_allclose(coordinates.var(), share[:2], rtol=1e-9)
    assert abs(np.corrcoef(coordinates.T)[0, 1]) < 1e-9


def test_too_few_features_have_no_components():
    with pytest.raises(ValueError, match="1 varying features of 45 patients"):
        principal_components(example()[0][["u"]])


def test_harmonisation_removes_the_centre_effect_of_a_real_table_of_four_centres(shared_data):
    data = pd.read_csv(shared_data / "radmlbench/Arita2018.gz").set_index("ID")
    features, site = data.drop(columns="Target"), data.index.to_series().str.extract("^([A-Z]+)")[0]
    combat = Combat().fit(features.assign(**{metadata_column("site"): site}))
    after = combat.transform(features.assign(**{metadata_column("site"): site}))
    assert after.notna().all(axis=None)
    counts = {
        test: batch_summary(batch_tests(features, site, test=test), batch_tests(after, site, test=test))["q_below"]
        for test in ("anova", "kruskal", "levene")
    }
    assert {test: tuple(numbers) for test, numbers in counts.items()} == {
        "anova": (400, 0),
        "kruskal": (430, 20),
        "levene": (437, 6),
    }


def test_the_figure_counts_the_features_with_a_difference():
    values, batch = example()
    tests = {"before": batch_tests(values, batch), "after": batch_tests(values[["x", "y"]], batch)}
    components = dict.fromkeys(tests, principal_components(values))
    figure = draw_harmonisation(components, tests, batch, label="ComBat", batch_label="site")
    legends = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert legends == ["before: 1 of 6 with q < 0.05", "after: 0 of 2 with q < 0.05"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [f"{b} (n = {(batch == b).sum()})" for b in "ABC"]
