import random

from habitat_radiomics.split import assign_cohorts

SPLIT = {
    "method": "random",
    "train_fraction": 0.7,
    "column": "cohort",
    "date_column": "date",
    "train_until": "2020-06-30",
    "site_column": "site",
    "train_sites": ["A"],
    "external_sites": [],
}


def rows(n=100):
    return [
        {
            "patient": f"P{i:03d}",
            "y": str(int(i % 4 == 0)),
            "site": "AB"[i % 2],
            "date": f"2020-{1 + i % 12:02d}-15",
            "cohort": ["train", "internal", "external"][i % 3],
        }
        for i in range(n)
    ]


def assign(patients, **changes):
    return assign_cohorts(patients, {**SPLIT, **changes}, outcome_column="y", seed=1)


def test_the_random_split_has_the_stated_share_in_both_classes():
    patients = rows()
    cohorts = assign(patients)
    for outcome, n in (("0", 75), ("1", 25)):
        trained = [p for p in patients if p["y"] == outcome and cohorts[p["patient"]] == "train"]
        assert len(trained) == round(0.7 * n)


def test_the_random_split_does_not_depend_on_the_order_of_rows():
    patients = rows()
    shuffled = random.Random(3).sample(patients, len(patients))
    assert assign(patients) == assign(shuffled)


def test_a_new_patient_moves_at_most_one_other():
    before, after = assign(rows(100)), assign(rows(101))
    assert sum(before[patient] != after[patient] for patient in before) <= 1


def test_another_seed_gives_another_split():
    assert assign(rows()) != assign_cohorts(rows(), SPLIT, outcome_column="y", seed=2)


def test_the_split_by_date_includes_the_last_day():
    cohorts = assign(rows(), method="date", train_until="2020-06-15")
    assert cohorts["P005"] == "train"
    assert cohorts["P006"] == "internal"


def test_the_split_by_site_makes_other_centres_external():
    cohorts = assign(rows(), method="site")
    assert {cohorts["P000"], cohorts["P001"]} == {"train", "external"}


def test_external_sites_are_external_whatever_the_method():
    patients = rows()
    cohorts = assign(patients, external_sites=["B"])
    assert all((cohorts[p["patient"]] == "external") == (p["site"] == "B") for p in patients)


def test_a_given_column_is_followed():
    assert assign(rows(), method="column")["P002"] == "external"
