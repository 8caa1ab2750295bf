"""The tables of the demo cohort: patients, images, and the truth planted in them.

Read while the workflow is planned, so it needs numpy alone and takes milliseconds.
"""

from datetime import date, timedelta

import numpy as np

from habitat_radiomics.simulate import (
    AGE_MEAN,
    AGE_SD,
    FRACTION_RANGE,
    READINGS,
    SEQUENCES,
    demo_settings,
    even_pair,
    generator,
    latent_truth,
    patient_names,
)

EFFECTS = {"fraction": 3.0, "texture": 1.6, "age": 1.9}  # on the logit, per standard deviation
INTERCEPT = -0.15
LOG_HAZARD_PER_LOGIT = 0.4
MEDIAN_DAYS, WEIBULL_SHAPE = 1200.0, 1.3  # of the survival times at hazard ratio 1
FOLLOW_UP_DAYS = (400.0, 2100.0)  # of censoring, uniform
FIRST_DAY, RECRUITING_DAYS = date(2016, 1, 4), 1800
DAYS_PER_MONTH = 30.4375
SITE_SCANNERS = {
    "A": ("Norrsken", 1.5),
    "B": ("Meridian", 3.0),
    "C": ("Norrsken", 3.0),
    "D": ("Austral", 1.5),
}  # invented manufacturer, field strength in tesla
SITE_TR_FACTOR = {"A": 1.0, "B": 1.15, "C": 1.05, "D": 0.95}


def simulate_tables(settings):
    """The three tables of a demo cohort.

    Parameters
    ----------
    settings : dict
        Any of the fields of `habitat_radiomics.simulate.DemoSettings`; ``{}`` is the default cohort.

    Returns
    -------
    patients, images, truth : list of dict
        Rows of str, int, float or None (missing). ``image`` and ``mask`` are file names relative to the folder
        of images, such as ``P001/T1.nii.gz`` and ``P001/T1.r1.nii.gz``. Event 1 = happened.

    Raises
    ------
    ValueError
        For settings that are unknown or out of range.
    """
    demo = demo_settings(settings)
    people = {
        name: latent_truth(demo.seed, name, site_b_fraction=demo.site_b_fraction, sites=demo.sites)
        for name in patient_names(demo.patients)
    }
    truth = [truth_row(name, latent, planted=demo.outcome == "planted") for name, latent in people.items()]
    patients = [patient_row(demo, row["patient"], people[row["patient"]], row) for row in truth]
    listed = _patients_with_readings(patients, count=demo.readings_patients)
    images = [
        image_row(demo.seed, name, latent.site, sequence, reading)
        for name, latent in people.items()
        for sequence in demo.sequences
        for reading in (READINGS if name in listed else ["r1"])
    ]
    return patients, images, truth


def truth_row(patient, latent, *, planted):
    """What drives the outcome of one patient, and its true probability; constant when nothing is planted."""
    logit = true_logit(latent) if planted else 0.0
    return {
        "patient": patient,
        "fraction": latent.fraction,
        "texture": latent.texture,
        "age": latent.age,
        "logit": logit,
        "probability": float(1 / (1 + np.exp(-logit))),
        "hazard_ratio": float(np.exp(LOG_HAZARD_PER_LOGIT * logit)),
    }


def true_logit(latent):
    """Logit of the planted binary outcome: linear in aggressive fraction, texture and age."""
    standardised = {
        "fraction": _uniform_score(latent.fraction, FRACTION_RANGE),
        "texture": _uniform_score(latent.texture, (0.0, 1.0)),
        "age": (latent.age - AGE_MEAN) / AGE_SD,
    }
    return float(INTERCEPT + sum(EFFECTS[name] * value for name, value in standardised.items()))


def _uniform_score(value, limits):
    low, high = limits
    return (value - (low + high) / 2) / ((high - low) / np.sqrt(12))


def patient_row(demo, patient, latent, truth):
    """One row of patients.tsv; clinical values may be missing, outcomes never are."""
    return {
        "patient": patient,
        "site": latent.site,
        "cohort": _cohort(demo, patient, latent.site),
        **_with_gaps(_clinical(demo.seed, patient, latent), demo, patient),
        **_outcomes(truth, demo.outcome_seed),
    }


def _cohort(demo, patient, site):
    """Cohort by the patient's number: external from site B as far as it lasts, the others alike in both sites."""
    external = demo.cohort_fractions.get("external", 0.0)
    from_b = min(external, demo.site_b_fraction)
    expected, share = (from_b, demo.site_b_fraction) if site in "BD" else (external - from_b, 1 - demo.site_b_fraction)
    train = demo.cohort_fractions.get("train", 0.0) / max(1 - external, 1e-12)
    position = even_pair(demo.seed, patient)[1]
    if position < expected / share:
        return "external"
    within = (position - expected / share) / (1 - expected / share)
    return "train" if within < train else "internal"


def _clinical(seed, patient, latent):
    random = generator(seed, "clinical", patient)
    grade = 2 + 0.35 * _uniform_score(latent.fraction, FRACTION_RANGE) + random.normal(0, 0.8)
    return {
        "mri_date": (FIRST_DAY + timedelta(days=int(random.integers(RECRUITING_DAYS)))).isoformat(),
        "diagnosis": str(random.choice(["alphoma", "betoma", "gammoma"], p=[0.5, 0.3, 0.2])),
        "age": latent.age,
        "sex": str(random.choice(["F", "M"])),
        "grade": int(np.clip(np.rint(grade), 1, 3)),
    }


def _with_gaps(clinical, demo, patient):
    names = ("age", "sex", "grade")
    draws = generator(demo.seed, "missing", patient).random(len(names))
    lost = {name for name, draw in zip(names, draws, strict=True) if draw < demo.missing_fraction}
    return {name: None if name in lost else value for name, value in clinical.items()}


def _outcomes(truth, outcome_seed):
    """Progression by the true probability; survival by the true hazard ratio (Weibull), censored at random."""
    random = generator(outcome_seed, "outcome", truth["patient"])
    progression = int(random.random() < truth["probability"])
    scale = MEDIAN_DAYS / np.log(2) ** (1 / WEIBULL_SHAPE)
    died = scale * (random.exponential() / truth["hazard_ratio"]) ** (1 / WEIBULL_SHAPE)
    censored = random.uniform(*FOLLOW_UP_DAYS)
    days = int(np.ceil(min(died, censored)))
    return {
        "progression": progression,
        "time_days": days,
        "time_months": round(days / DAYS_PER_MONTH, 2),
        "event": int(died <= censored),
    }


def _patients_with_readings(patients, *, count):
    """Names of those whose repeat readings are listed: the first of the training cohort, then the first others."""
    ranked = sorted(patients, key=lambda row: (row["cohort"] != "train", row["patient"]))
    return {row["patient"] for row in ranked[:count]}


def image_row(seed, patient, site, sequence, reading):
    """One row of images.tsv: one reading of one sequence, with the protocol it was acquired by."""
    protocol = SEQUENCES[sequence]
    manufacturer, field_strength = SITE_SCANNERS[site]
    reader, repeat = READINGS[reading]
    variation = 1 + 0.04 * generator(seed, f"protocol {sequence}", patient).integers(-1, 2)
    return {
        "patient": patient,
        "sequence": sequence,
        "image": f"{patient}/{sequence}.nii.gz",
        "mask": f"{patient}/{sequence}.{reading}.nii.gz",
        "reader": reader,
        "repeat": repeat,
        "manufacturer": manufacturer,
        "field_strength_t": field_strength,
        "tr_ms": float(np.rint(protocol.tr_ms * SITE_TR_FACTOR[site] * variation)),
        "te_ms": protocol.te_ms,
        "slice_thickness_mm": protocol.spacing_mm[2],
    }
