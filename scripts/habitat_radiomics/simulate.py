"""What the demo cohort is made of: its settings, its sequences, and the hidden truth of each patient.

Everything is derived by hashing (seed, purpose, patient), so a patient stays the same however many others
there are and whatever outcome is planted. Tables: ``simulate_tables``; images: ``simulate_images``.
"""

import hashlib
from dataclasses import asdict, dataclass, field, fields

import numpy as np

READINGS = {"r1": ("1", 1), "r1b": ("1", 2), "r2": ("2", 1)}  # reading: (reader, repeat)
CORE, BULK, AGGRESSIVE = 1, 2, 3  # planted subregions, darkest first in every sequence
FRACTION_RANGE = (0.10, 0.50)  # aggressive share of the tumour volume
RADIUS_RANGE_MM = (11.0, 16.0)  # of the sphere of equal volume
CORE_RANGE = (0.12, 0.24)  # core share of the tumour volume
AGE_MEAN, AGE_SD = 58.0, 12.0
SECOND_SHARE = 0.35  # of the patients of A who are scanned at C, and of B at D, where there are four sites
GOLDEN_PAIR = (0.7548776662466927, 0.5698402909980532)  # 1/g and 1/g^2 with g^3 = g + 1 (Roberts, 2018)


@dataclass(frozen=True)
class Sequence:
    """Grid, protocol and contrast of one MRI sequence; tuples of three are in x, y, z.

    Tissue values are signal before the scanner's gain; the three subregions rise from core to aggressive in
    every sequence. ``texture`` is the standard deviation of the signal inside a tumour of middle texture.
    """

    size: tuple
    spacing_mm: tuple
    offset_mm: tuple  # of the grid's centre from the isocentre
    tr_ms: float
    te_ms: float
    fat: float
    muscle: float
    oedema: float  # added to muscle at the tumour's surface, fading outwards
    marrow: float
    cortex: float
    core: float
    bulk: float
    aggressive: float
    texture: float


SEQUENCES = {
    "T1": Sequence(
        size=(90, 90, 32), spacing_mm=(1.0, 1.0, 2.2), offset_mm=(0.1, -0.15, 0.0), tr_ms=620.0, te_ms=11.0,
        fat=660.0, muscle=290.0, oedema=0.0, marrow=540.0, cortex=60.0,
        core=110.0, bulk=330.0, aggressive=570.0, texture=48.0,
    ),
    "T2": Sequence(
        size=(100, 100, 28), spacing_mm=(0.9, 0.9, 2.5), offset_mm=(0.3, -0.2, 0.6), tr_ms=4200.0, te_ms=92.0,
        fat=540.0, muscle=250.0, oedema=200.0, marrow=420.0, cortex=50.0,
        core=180.0, bulk=450.0, aggressive=740.0, texture=58.0,
    ),
    "T2FS": Sequence(
        size=(94, 94, 26), spacing_mm=(0.95, 0.95, 2.7), offset_mm=(-0.2, 0.3, 0.4), tr_ms=4600.0, te_ms=78.0,
        fat=110.0, muscle=230.0, oedema=220.0, marrow=120.0, cortex=45.0,
        core=170.0, bulk=460.0, aggressive=760.0, texture=60.0,
    ),
    "T1CE": Sequence(
        size=(90, 90, 32), spacing_mm=(1.0, 1.0, 2.2), offset_mm=(-0.1, 0.2, -0.3), tr_ms=640.0, te_ms=11.0,
        fat=660.0, muscle=320.0, oedema=40.0, marrow=540.0, cortex=60.0,
        core=140.0, bulk=400.0, aggressive=690.0, texture=58.0,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class DemoSettings:
    """Settings of the demo cohort, with their defaults.

    The default seeds are typical ones: in so few patients others stray far from the stated shares and AUCs.

    Parameters
    ----------
    patients : int
        Number of patients, P001 onwards.
    seed : int
        Governs images, masks, latent truth, covariates, sites and cohorts.
    outcome : {"planted", "null"}
        Outcomes driven by the latent truth, or independent of everything.
    outcome_seed : int
        Governs the chance in the outcomes only.
    readings_patients : int
        Number of patients, training first, whose repeat (r1b) and second-reader (r2) masks are listed.
    sequences : tuple of str
        Among the names of ``SEQUENCES``; motion is relative to the first.
    missing_fraction : float
        Chance that a clinical value (age, sex, grade) is missing.
    cohort_fractions : dict of str to float
        Shares of train, internal and external; they sum to 1.
    site_b_fraction : float
        Share of patients scanned at site B; external patients are drawn from site B as far as it lasts.
    motion_mm : float
        Largest shift of the patient between sequences.
    sites : {2, 4}
        Two sites, A and B; or four: of the patients of A a share is scanned at C, of those of B at D. Patients who stay
        keep their images.
    """

    patients: int = 72
    seed: int = 537
    outcome: str = "planted"
    outcome_seed: int = 3
    readings_patients: int = 20
    sequences: tuple = ("T1", "T2")
    missing_fraction: float = 0.03
    cohort_fractions: dict = field(default_factory=lambda: {"train": 0.58, "internal": 0.17, "external": 0.25})
    site_b_fraction: float = 0.44
    motion_mm: float = 0.0
    sites: int = 2


@dataclass(frozen=True)
class Latent:
    """The hidden truth of one patient, from which images and outcomes follow.

    ``texture`` runs from 0 (fine and even) to 1 (coarse and uneven); ``fraction`` and ``core_fraction`` are
    shares of the tumour volume. Radius and core have no bearing on the outcome.
    """

    site: str
    fraction: float
    texture: float
    radius_mm: float
    core_fraction: float
    age: int


def demo_settings(settings):
    """The full settings for the given ones.

    Parameters
    ----------
    settings : dict
        Any of the fields of `DemoSettings`.

    Returns
    -------
    DemoSettings

    Raises
    ------
    ValueError
        For an unknown setting, sequence, outcome or cohort, or shares that do not sum to 1.
    """
    allowed = [item.name for item in fields(DemoSettings)]
    _refuse_unknown("setting", settings, allowed)
    demo = DemoSettings(**settings)
    _refuse_unknown("sequence", demo.sequences, SEQUENCES)
    _refuse_unknown("outcome", [demo.outcome], ["planted", "null"])
    _refuse_unknown("cohort", demo.cohort_fractions, ["train", "internal", "external"])
    if demo.sites not in (2, 4):
        raise ValueError(f"Demo cohort: {demo.sites} sites. Choose 2 or 4.")
    total = sum(demo.cohort_fractions.values())
    if abs(total - 1) > 1e-6:
        raise ValueError(f"Demo cohort: cohort_fractions sum to {total:g}. Make them sum to 1.")
    return demo


def _refuse_unknown(kind, found, allowed):
    unknown = [name for name in found if name not in allowed]
    if unknown:
        raise ValueError(
            f"Demo cohort: unknown {kind} {', '.join(map(repr, unknown))}. Choose among {', '.join(allowed)}."
        )


def image_settings(settings):
    """Those settings that govern a patient's images: give the image job these alone, so that nothing else reruns it.

    Parameters
    ----------
    settings : dict
        Any of the fields of `DemoSettings`.

    Returns
    -------
    dict
        Of plain types, complete; accepted by ``simulate_images.simulate_patient``.
    """
    governing = asdict(demo_settings(settings))
    chosen = {name: governing[name] for name in ("seed", "sequences", "site_b_fraction", "motion_mm", "sites")}
    return {**chosen, "sequences": list(chosen["sequences"])}


def patient_names(count):
    """P001, P002, ... for so many patients."""
    return [f"P{number:03d}" for number in range(1, count + 1)]


def patient_files(sequences):
    """Names of the files of one patient: per sequence the image and a mask per reading, and the true subregions."""
    masks = [f".{reading}" for reading in READINGS]
    return [f"{name}{part}.nii.gz" for name in sequences for part in ["", *masks]] + ["subregions.nii.gz"]


def generator(seed, purpose, patient):
    """An independent random generator for one purpose and patient.

    Parameters
    ----------
    seed : int
    purpose, patient : str

    Returns
    -------
    numpy.random.Generator
        The same for the same three arguments on any machine, and unrelated for any others.
    """
    digest = hashlib.sha256(f"{seed}|{purpose}|{patient}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def even_pair(seed, patient):
    """Two numbers in [0, 1) that cover the unit square evenly along the patients' numbers.

    Drawing site and cohort from these keeps the shares close to their settings in a small cohort, though each
    patient is settled by its own number alone.

    Returns
    -------
    tuple of float

    Notes
    -----
    The R2 sequence of Roberts (2018), shifted by the seed.
    """
    start = generator(seed, "cohort", "all").random(2)
    number = int(patient.removeprefix("P"))
    return tuple(float((begin + number * step) % 1) for begin, step in zip(start, GOLDEN_PAIR, strict=True))


def latent_truth(seed, patient, *, site_b_fraction, sites=2):
    """The hidden truth of one patient.

    Parameters
    ----------
    seed : int
    patient : str
        Such as "P001".
    site_b_fraction : float
        Share of patients scanned at site B.
    sites : {2, 4}
        See `DemoSettings`.

    Returns
    -------
    Latent
    """
    random = generator(seed, "latent", patient)
    return Latent(
        fraction=float(random.uniform(*FRACTION_RANGE)),
        texture=float(random.uniform()),
        radius_mm=float(random.uniform(*RADIUS_RANGE_MM)),
        core_fraction=float(random.uniform(*CORE_RANGE)),
        age=int(np.clip(np.rint(random.normal(AGE_MEAN, AGE_SD)), 18, 90)),
        site=scanned_at(even_pair(seed, patient)[0], site_b_fraction, sites),
    )


def scanned_at(position, site_b_fraction, sites):
    """Site of a patient at a position in [0, 1): B below the fraction, A above; of four sites D and C their last parts.

    The positions of a site's patients are evenly spread, so that the parts have the shares they should.
    """
    first, second, begin, width = ("B", "D", 0.0, site_b_fraction)
    if position >= site_b_fraction:
        first, second, begin, width = ("A", "C", site_b_fraction, 1 - site_b_fraction)
    return second if sites == 4 and position >= begin + (1 - SECOND_SHARE) * width else first
