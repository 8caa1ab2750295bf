import pytest
from test_config import SCHEMA, minimal

from habitat_radiomics.config import complete_config
from habitat_radiomics.habitat_sets import is_region

T1, T2 = {"sequences": ["T1"]}, {"sequences": ["T2"]}
LASSO = [{"lasso": {}}]


def faults(habitats, regions=("tumour",), **changes):
    signature = {"a": {"regions": list(regions), "steps": LASSO}}
    config = {**minimal(), "sequences": {"T1": None, "T2": None}, "habitats": habitats, "signatures": signature}
    return complete_config({**config, **changes}, SCHEMA)[1]


@pytest.mark.parametrize(
    ("region", "asked", "answer"),
    [
        ("h1", "h1", True),
        ("h8", "h*", True),
        ("h2", "h1", False),
        ("h", "h*", False),
        ("h12", "h*", False),
        ("tumour", "tumour", True),
        ("h.1", "h.*", True),
        ("hx1", "h.*", False),
    ],
)
def test_a_star_stands_for_all_habitats_of_a_set_and_of_no_other(region, asked, answer):
    assert is_region(region, asked) is answer


def test_signatures_and_banks_may_name_sets():
    assert faults({"t": T1}, ["tumour", "t*", "t2"], features={"banks": {"t": "D"}}) == []


def test_a_habitat_of_an_unknown_set_is_refused():
    (fault,) = faults({"t": T1}, ["u*"])
    assert fault.startswith("config: signatures.a.regions names 'u*', which is not defined.")


def test_joint_habitats_need_one_grid():
    joint = {"sequences": ["T1", "T2"]}
    (fault,) = faults({"j": joint})
    assert "habitats.j joins T1, T2, which have a grid each. Set reference" in fault
    assert faults({"j": joint}, reference="T1") == []


def test_names_that_could_be_taken_for_another_are_refused():
    assert "would share a name with t2. Rename the set." in faults({"t": T1, "t2": T2})[0]
    assert "would share a name with a region" in faults({"tumour": T1})[0]


def test_a_range_runs_upwards():
    (fault,) = faults({"t": {**T1, "k_range": [5, 2]}})
    assert fault == "config: habitats.t.k_range is [5, 2]; the smaller number comes first."


def test_a_signature_that_asks_for_habitats_has_one_of_their_sequences():
    signature = {"a": {"sequences": ["T2"], "regions": ["t*"], "steps": LASSO}}
    (fault,) = faults({"t": T1}, signatures=signature)
    assert fault.startswith("config: signatures.a asks for t*, but T1 is none of its sequences.")


def test_agreement_of_readers_cannot_be_asked_of_habitats_alone():
    def of(*regions):
        return faults({"t": T1}, signatures={"a": {"regions": list(regions), "steps": [{"icc": {}}, *LASSO]}})

    assert "signatures.a selects habitats by icc, but readers do not draw habitats" in of("t*")[0]
    assert of("tumour", "t*") == []


def test_stability_is_asked_of_habitats_measured_in_enough_patients():
    def of(region, **chosen):
        signature = {"a": {"regions": [region], "steps": [{"stable": {}}, *LASSO]}}
        return faults({"t": {**T1, **chosen}}, signatures=signature)

    assert of("t*") == of("t2", stability_patients=5) == []
    assert "signatures.a selects by stable, but none of its regions is a habitat" in of("tumour")[0]
    assert "habitats.t.stability_patients is 4; at least 5 are needed" in of("t*", stability_patients=4)[0]
