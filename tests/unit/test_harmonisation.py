import numpy as np
from test_survival_chain import HARMONISE, SITE, cohort, signature

from habitat_radiomics.figures_harmonise import draw_harmonisation
from habitat_radiomics.harmonisation import WHEN, drawn_components, fitted_combat, harmonisation_tables
from habitat_radiomics.signature import build_signature, fit_signature
from habitat_radiomics.tables import read_table, write_table


def tables():
    features, outcome = cohort(60)
    features.loc[features.index[40:], SITE] = "C"
    training = features.index[:40]
    fitted = fit_signature(
        signature(harmonise={**HARMONISE, "fewest_unseen": 5}), features.loc[training], outcome.loc[training]
    )
    return harmonisation_tables(fitted_combat(fitted), features)


def test_batches_say_what_was_done_to_each_and_how_much_they_explain_falls():
    batches, summary, tests, _ = tables()
    actions = batches.set_index("batch")["action"]
    assert (actions["A"], actions["B"], actions["C"]) == ("fitted", "fitted", "estimated")
    explained = summary.set_index("when")["median_explained"]
    assert explained["after"] < 0.2 < explained["before"]
    assert list(tests["when"].unique()) == list(WHEN)
    assert len(tests) == 24


def test_stored_components_are_drawn_as_they_were_computed(tmp_path):
    _, _, tests, components = tables()
    write_table(tmp_path / "c.csv", components)
    stored = read_table(tmp_path / "c.csv")
    placed = {when: drawn_components(stored, when) for when in WHEN}
    assert placed["before"][0].shape == (60, 2)
    assert 0 < placed["before"][1][0] < 1
    batch = stored[stored["when"] == "before"].set_index("patient")["batch"]
    of_when = {when: tests[tests["when"] == when] for when in WHEN}
    assert draw_harmonisation(placed, of_when, batch, label="Tumour", batch_label="site").axes


def test_a_single_feature_has_no_components():
    features, outcome = cohort(40, 1)
    fitted = fit_signature(signature(harmonise=HARMONISE), features, outcome)
    _, _, tests, components = harmonisation_tables(fitted_combat(fitted), features)
    assert components.empty
    placed = {when: drawn_components(components, when) for when in WHEN}
    assert np.isnan(placed["after"][1]).all()
    of_when = {when: tests[tests["when"] == when] for when in WHEN}
    assert draw_harmonisation(placed, of_when, components["batch"], label="Size", batch_label="site").axes


def test_a_signature_without_harmonisation_has_no_combat():
    features, outcome = cohort(40, 3)
    plain = features[[column for column in features if column.startswith("T1")]]
    assert (
        fitted_combat(
            fit_signature(build_signature([{"cox_lasso": {"folds": 3}}], seed=1, survival=True), plain, outcome)
        )
        is None
    )
