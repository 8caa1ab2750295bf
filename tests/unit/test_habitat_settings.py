import pytest
from test_config import SCHEMA, minimal

from habitat_radiomics import settings
from habitat_radiomics.config import complete_config
from habitat_radiomics.figures_habitats import montage_pages
from habitat_radiomics.study import Study


def study(patients=3, **habitat):
    config = {
        **minimal(),
        "sequences": {"T1": None, "T2": None},
        "reference": "T1",
        "habitats": {"j": {"sequences": ["T1", "T2"], **habitat}, "own": {"sequences": ["T2"]}},
        "features": {"banks": {"own": "B"}},
    }
    complete, faults = complete_config(config, SCHEMA)
    assert not faults
    return Study(complete, {f"P{i}": {} for i in range(patients)}, {}, {})


def test_a_set_lists_its_size_under_its_first_sequence():
    chosen = study()
    assert settings.habitat_features(chosen, "T1", "j")["shape"]
    assert not settings.habitat_features(chosen, "T2", "j")["shape"]
    assert settings.habitat_features(chosen, "T2", "own")["shape"]


def test_habitats_take_the_bank_named_for_their_set_or_d():
    banks = {name: settings.habitat_features(study(), "T2", name)["bank"] for name in ("j", "own")}
    assert list(banks["j"]["image_types"]) == ["Original"]
    assert "LBP2D" in banks["own"]["image_types"]


def test_what_drawn_regions_depend_on_knows_nothing_of_habitats():
    plain = Study({**study().config, "habitats": {}}, {}, {}, {})
    assert settings.features(study(), "T2") == settings.features(plain, "T2")


def test_collecting_knows_the_sets_of_every_sequence():
    assert settings.collection(study(), ["P0"], {})["habitats"] == {"T1": ["j"], "T2": ["j", "own"]}


def test_a_given_number_makes_the_criterion_irrelevant():
    assert settings.habitat_fit(study(k=3, criterion="gap"), "j") == settings.habitat_fit(study(k=3), "j")
    assert settings.habitat_fit(study(k_range=[2, 5]), "j")["count"]["k_max"] == 5


@pytest.mark.parametrize("patients", [1, 56, 57, 200])
def test_the_pages_planned_are_the_pages_drawn(patients):
    assert len(settings.montage_pages(study(patients))) == len(montage_pages(list(range(patients))))


def test_a_set_without_a_label_is_named_by_its_sequences():
    assert settings.habitat_label(study().config, "j") == "Habitats of T1 and T2"


def test_stability_is_measured_in_the_first_training_patients():
    chosen = study(12, stability_patients=4)
    chosen.cohorts.update({patient: "external" if patient == "P1" else "train" for patient in chosen.patients})
    assert settings.habitat_stability(chosen, "j")["patients"] == ["P0", "P2", "P3", "P4"]


def test_features_under_perturbations_are_those_of_the_set_in_its_sequences():
    sets = settings.habitat_perturbation(study(), "j")["sets"]
    assert sets == {sequence: settings.habitat_features(study(), sequence, "j") for sequence in ("T1", "T2")}


def test_the_figure_of_stability_shows_the_lowest_threshold_of_a_signature_of_the_set():
    def of(*thresholds):
        steps = [{"stable": {"threshold": value}} for value in thresholds]
        signature = {"regions": ["j*"], "steps": [*steps, {"lasso": {}}]}
        config = {**study().config, "signatures": {"a": signature, "b": {**signature, "regions": ["own1"]}}}
        return settings.habitat_figures(Study(config, {}, {}, {}), "j")["stable"]

    assert of(0.9, 0.6) == 0.6
    assert of() is None


def test_the_engine_is_fast_unless_said_otherwise_and_a_sequence_may_have_its_own():
    chosen = study()
    assert settings.features(chosen, "T1")["engine"] == settings.habitat_features(chosen, "T2", "j")["engine"] == "fast"
    chosen.config["sequences"]["T2"] = {"features": {"engine": "reference"}}
    assert settings.features(chosen, "T1")["engine"] == "fast"
    assert settings.features(chosen, "T2")["engine"] == settings.habitat_features(chosen, "T2", "j")["engine"]
    assert settings.features(chosen, "T2")["engine"] == "reference"


def test_the_share_of_checked_scans_is_no_setting_of_the_features():
    chosen = study()
    before = settings.features(chosen, "T1")
    chosen.config["features"]["cross_check"] = 1
    assert settings.features(chosen, "T1") == before
    assert settings.is_checked(chosen, "P0", "T1")
    chosen.config["features"]["engine"] = "reference"
    assert not settings.is_checked(chosen, "P0", "T1")
