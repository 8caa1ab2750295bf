"""Words for people: cohorts, features, measures and numbers as figures and tables print them."""

import math
import re

from habitat_radiomics.tables import column_parts

COHORTS = {
    "train": "Training, apparent",
    "train_cv": "Training, cross-validated",
    "internal": "Internal validation",
    "external": "External validation",
}
METRICS = {
    "auc": "AUC",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
}
STEPS = {
    "extracted": "Extracted",
    "best_of": "Of the chosen signature",
    "icc": "Reproducible (ICC)",
    "complete": "Complete",
    "zscore": "Standardised",
    "anova": "ANOVA",
    "t_or_u": "t or U test",
    "select_k_best": "Strongest k",
    "correlation": "Uncorrelated",
    "lasso": "LASSO",
    "combat": "Harmonised (ComBat)",
    "univariable_cox": "Univariable Cox",
    "cox_lasso": "Cox LASSO",
}
CLASSES = {"firstorder": "first-order", "shape": "shape"}
ABBREVIATED = {
    "10Percentile": "10th percentile",
    "90Percentile": "90th percentile",
    "Id": "inverse difference",
    "Idm": "inverse difference moment",
    "Idmn": "inverse difference moment normalized",
    "Idn": "inverse difference normalized",
    "Imc1": "informational measure of correlation 1",
    "Imc2": "informational measure of correlation 2",
    "MCC": "maximal correlation coefficient",
}
CRITERIA = {
    "bic": "BIC",
    "aic": "AIC",
    "silhouette": "the mean silhouette",
    "elbow": "the elbow of the inertia",
    "calinski_harabasz": "the Calinski-Harabasz index",
    "gap": "the gap statistic",
}
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def cohort_label(cohort):
    """Return a cohort in words."""
    return COHORTS.get(cohort, cohort)


def score_cohort(cohort):
    """Return a cohort in words where the scores of the training patients are cross-fitted."""
    return "Training, scores cross-fitted" if cohort == "train" else cohort_label(cohort)


def step_label(step):
    """Return a selection step in words; repeated steps keep their number (``zscore-2``)."""
    name, _, number = step.partition("-")
    return STEPS.get(name, name) + (f" ({number})" if number else "")


def feature_label(column):
    """Return a feature column in words: ``T1 tumour, wavelet LLH, GLCM joint entropy``."""
    if column == "(intercept)":
        return "Intercept"
    sequence, region, image, kind, name = feature_parts(column)
    return f"{sequence} {region}, " + (f"{image}, {kind} {name}" if kind else name)


def feature_parts(column):
    """Return sequence, region, image, class and feature of a column, the last three in words.

    A name that is not pyradiomics' stays as it is, with empty image and class.

    Parameters
    ----------
    column : str
        ``sequence|region|image_class_Feature`` with pyradiomics' names, for example
        ``T1|tumour|wavelet-LLH_glcm_JointEntropy``.
    """
    sequence, region, name = column_parts(column)
    if name.startswith("habitat_"):
        words = name.removeprefix("habitat_").replace("_mm2", " (mm²)").replace("_mm3", " (mm³)")
        return sequence, region, "", "", words.replace("_", " ")
    if name.startswith("deep_gap_"):
        return sequence, region, "", "", f"network output {int(name.removeprefix('deep_gap_'))}"
    if name.count("_") < 2:
        return sequence, region, "", "", name
    image, kind, feature = name.split("_", 2)
    return sequence, region, image_label(image), CLASSES.get(kind, kind.upper()), spaced(feature)


def spaced(feature):
    """Return a CamelCase feature name in words: ``JointEntropy`` is ``joint entropy``, ``Idm`` is spelt out."""
    if feature in ABBREVIATED:
        return ABBREVIATED[feature]
    return (
        " ".join(re.findall(r"\d+D(?=[A-Z])|\d+|[A-Z][a-z]*", feature)).lower().replace("2d", "2D").replace("3d", "3D")
    )


def image_label(image):
    """Return an image type of pyradiomics in words: ``log-sigma-3-0-mm-3D`` is ``LoG 3 mm``."""
    sigma = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-3D", image)
    if sigma:
        return f"LoG {float('.'.join(sigma.groups())):g} mm"
    if image.startswith("lbp"):
        return image.replace("lbp", "LBP")
    if image == "squareroot":
        return "square root"
    return re.sub(r"(?<=^wavelet)-|(?<=^wavelet\d)-", " ", image)


def number(value, decimals=2):
    """Return a number with fixed decimals and a true minus sign; an en dash when it is missing."""
    if missing(value):
        return DASH
    text = f"{value:.{decimals}f}"
    text = text.lstrip("-") if float(text) == 0 else text
    return text.replace("-", MINUS)


def significant(value, digits=4):
    """Return a number with significant digits, zeros included, and a true minus sign; an en dash when it is missing."""
    return DASH if missing(value) else f"{value:#.{digits}g}".rstrip(".").replace("-", MINUS)


def coefficient(value):
    """Return a coefficient with four significant digits, zeros kept: 0.3 is ``0.3000``."""
    return DASH if missing(value) else f"{value:#.4g}".rstrip(".").replace("-", MINUS)


def ratio(value):
    """Return an odds ratio: two decimals, two significant digits below 0.1, whole numbers from 100 on."""
    if missing(value) or 0.1 <= value < 100:
        return number(value)
    return significant(value, 2 if value < 0.1 else 3) if value < 1000 else count(round(value))


def count(value):
    """Return a whole number with thousands separated; an en dash when it is missing."""
    return DASH if missing(value) else f"{int(value):,}"


def interval(low, high, decimals=2):
    """Return ``0.70 to 0.94``; ``not estimable`` when a limit is missing."""
    if missing(low) or missing(high):
        return "not estimable"
    return f"{number(low, decimals)} to {number(high, decimals)}"


def p_value(p):
    """Return a p value with three decimals, ``<0.001`` below."""
    if missing(p):
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def duration(value):
    """Return a time: whole numbers from 100 on, three significant digits below; an en dash when it is missing."""
    return count(round(value)) if not missing(value) and value >= 100 else significant(value, 3)


def ratio_interval(low, high):
    """Return the interval of a ratio: ``0.62 to 4,150``; ``not estimable`` when a limit is missing."""
    return "not estimable" if missing(low) or missing(high) else f"{ratio(low)} to {ratio(high)}"


def percent(level):
    """Return a share as text, its sign not torn off at the end of a line: 0.95 is ``95 %``."""
    return f"{100 * level:g}\N{NO-BREAK SPACE}%"


def missing(value):
    """Whether a table's cell holds no finite number."""
    return value is None or not math.isfinite(value)
