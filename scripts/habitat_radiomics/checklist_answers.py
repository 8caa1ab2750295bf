"""What the stored results say to one item of a reporting checklist, and the words shared by such answers."""

from dataclasses import dataclass

import pandas as pd

from habitat_radiomics.labels import cohort_label, count, interval, missing, number
from habitat_radiomics.report_patients import COHORT_TITLES

PAGE = "report/index.html"


@dataclass(frozen=True)
class Answer:
    """Answer to one item.

    Attributes
    ----------
    text : str
        Values in words.
    places : tuple of str
        Files of the results that hold them; None and doubles are dropped where they are shown.
    section : str
        Identifier of the section of the report that shows them; empty where none does.
    missing : str
        What the study did not do, or what the tables do not say, and the authors must explain; empty otherwise.
    """

    text: str
    places: tuple = ()
    section: str = ""
    missing: str = ""


def has_images(results):
    """Whether the study started from images and masks, not from tables of features."""
    return results.config["data"]["source"] != "features"


def of_headline(results, kind):
    """Return the tables of the headline model (``kind`` ``models``), or those of its signatures by name."""
    if kind == "models":
        return results.models[results.headline]
    return {name: results.signatures[name] for name in results.config["models"][results.headline]["signatures"]}


def headline_signatures(results):
    """Return the signatures of the headline model; those of the whole study where it has none."""
    return list(of_headline(results, "signatures")) or list(results.signatures)


def headline_files(results, name):
    """Return where one table of every signature of the headline model is stored."""
    return tuple(results.files["signatures"][signature].get(name) for signature in headline_signatures(results))


def validation_cohorts(results):
    """Return the cohorts of patients on whom nothing was fitted."""
    return [cohort for cohort in results.cohorts if cohort in ("internal", "external")]


def included(results):
    """Return the patients that entered the study."""
    return results.patients[results.patients["included"] == "True"]


def measured(results, model, cohort):
    """Return ``0.82 (0.70 to 0.94), n = 40, 20 events``; None where the model was not measured."""
    row = results.metric(model, cohort, results.measure)
    if row is None or missing(row["estimate"]):
        return None
    limits = interval(row["ci_low"], row["ci_high"])
    return f"{number(row['estimate'])} ({limits}), n = {count(row['n'])}, {count(row['events'])} events"


def sizes_text(results):
    """Return patients and events of every cohort, as the headline model was measured in them."""
    rows = {cohort: results.metric(results.headline, cohort, results.measure) for cohort in results.cohorts}
    return "; ".join(
        f"{COHORT_TITLES[cohort]}: {count(row['n'])} patients, {count(row['events'])} events"
        for cohort, row in rows.items()
        if row is not None and cohort in COHORT_TITLES
    )


def cohort_words(cohort):
    """Return a cohort inside a sentence."""
    return cohort_label(cohort).lower()


def median_of(values):
    """Return the median of a column of text or numbers, NaN without any."""
    known = pd.to_numeric(values, errors="coerce").dropna()
    return known.median() if len(known) else float("nan")


def listed(words):
    """Join words as in running text."""
    words = list(words)
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else ""


def confusion(results, cohort):
    """Return true positives and true negatives of the headline model; None where they were not counted."""
    rows = [results.metric(results.headline, cohort, name) for name in ("sensitivity", "specificity")]
    return None if any(row is None or missing(row["k"]) for row in rows) else [row["k"] for row in rows]


def has_nonradiomic_reference(results):
    """Whether the headline model has features and the reference model has none."""
    models = results.config["models"]
    return bool(models[results.headline]["signatures"]) and not models[results.reference]["signatures"]
