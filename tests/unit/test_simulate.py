"""The demo cohort's settings, and what a patient's random numbers depend on."""

import pytest

from habitat_radiomics.simulate import (
    DemoSettings,
    demo_settings,
    generator,
    image_settings,
    latent_truth,
    patient_files,
)


def test_no_settings_mean_the_documented_defaults():
    assert demo_settings({}) == DemoSettings()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pateints": 9}, "Demo cohort: unknown setting 'pateints'. Choose among patients, seed, "),
        ({"sequences": ["T1", "FLAIR"]}, "Demo cohort: unknown sequence 'FLAIR'. Choose among T1, T2, T2FS, T1CE."),
        ({"outcome": "none"}, "Demo cohort: unknown outcome 'none'. Choose among planted, null."),
        ({"cohort_fractions": {"test": 1.0}}, "Demo cohort: unknown cohort 'test'. Choose among train, "),
        ({"cohort_fractions": {"train": 0.7}}, "Demo cohort: cohort_fractions sum to 0.7. Make them sum to 1."),
    ],
)
def test_wrong_settings_are_refused_with_the_choices(settings, message):
    with pytest.raises(ValueError) as fault:
        demo_settings(settings)
    assert str(fault.value).startswith(message)


def test_settings_of_the_images_hold_nothing_about_outcomes_or_numbers_of_patients():
    changed = {"outcome": "null", "outcome_seed": 9, "patients": 60, "readings_patients": 5, "missing_fraction": 0.1}
    assert image_settings(changed) == image_settings({})
    assert image_settings({"seed": 8}) != image_settings({})


def test_random_numbers_differ_by_seed_purpose_and_patient():
    draws = {
        generator(*key).random()
        for key in [(1, "tumour", "P001"), (2, "tumour", "P001"), (1, "scan", "P001"), (1, "tumour", "P002")]
    }
    assert len(draws) == 4
    assert generator(1, "tumour", "P001").random() in draws


def test_a_patient_is_the_same_person_for_whoever_asks():
    assert latent_truth(5, "P017", site_b_fraction=0.4) == latent_truth(5, "P017", site_b_fraction=0.4)


def test_files_of_a_patient_are_named_by_sequence_and_reading():
    assert patient_files(["T1"]) == [
        "T1.nii.gz",
        "T1.r1.nii.gz",
        "T1.r1b.nii.gz",
        "T1.r2.nii.gz",
        "subregions.nii.gz",
    ]
