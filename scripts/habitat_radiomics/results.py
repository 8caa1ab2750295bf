"""The stored results of a study, read for the report."""

from dataclasses import dataclass, field

import pandas as pd

from habitat_radiomics.entry import read_json
from habitat_radiomics.labels import missing
from habitat_radiomics.outcome_settings import event_column, is_survival
from habitat_radiomics.tables import read_table

HONEST_COHORTS = ("external", "internal", "train_cv")
STATISTICS = (
    "audit",
    "bin_width",
    "calibration",
    "classifiers",
    "choice",
    "importance",
    "partial_dependence",
    "table_one",
    "table_one_tests",
    "factors",
    "factors_summary",
    "sample_size",
    "bootstrap",
    "fixed_features",
    "frequency",
    "points",
    "precision",
    "reclassification",
    "permutation",
    "harmonised_batches",
    "harmonised_summary",
    "risk_groups",
    "at_horizons",
    "score_factors",
    "score_factors_summary",
    "volume",
    "volume_proxies",
)


@dataclass(frozen=True)
class Results:
    """Tables of a study as they were written, and the words of its configuration.

    Attributes
    ----------
    config : dict
        Complete configuration.
    orders : dict
        Names of ``sequences``, ``clinical``, ``signatures`` and ``models`` in the order of the study.
    cohorts : list of str
        Cohorts in which models were measured.
    reference, headline : str
        Model compared against, and model at the top of the page.
    patients, quality : DataFrame
        One row per screened patient, and per scan; every cell is text.
    signatures, models, habitats, nested : dict
        Name to its tables.
    icc : DataFrame or None
        None when no signature asks for reproducible features.
    files : dict
        Paths behind the tables, for downloads and figures.
    statistics : dict
        Further tables by their names in `STATISTICS`; those that the study did not ask for are None.
    """

    config: dict
    orders: dict
    cohorts: list
    reference: str
    headline: str
    files: dict
    patients: pd.DataFrame
    flow: pd.DataFrame
    quality: pd.DataFrame
    icc: pd.DataFrame | None
    signatures: dict
    models: dict
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    leakage: dict
    habitats: dict = field(default_factory=dict)
    nested: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    statistics: dict = field(default_factory=dict)

    def label(self, kind, name):
        """Return the printed name of a model or signature (``kind`` is ``models`` or ``signatures``)."""
        return self.config[kind][name]["label"] or name

    @property
    def outcome(self):
        """The outcome in words."""
        return self.config["outcome"]["label"] or event_column(self.config["outcome"])

    @property
    def is_survival(self):
        """Whether the outcome is a time to an event."""
        return is_survival(self.config["outcome"])

    @property
    def measure(self):
        """Metric that leads: the AUC, or Harrell's C."""
        return "c_harrell" if self.is_survival else "auc"

    @property
    def measure_label(self):
        """The leading metric in words."""
        return "C-index" if self.is_survival else "AUC"

    @property
    def level(self):
        """Level of the intervals of all metrics."""
        return self.config["validation"]["interval_level"]

    def metric(self, model, cohort, metric):
        """Return one row of the metrics, or None."""
        rows = self.metrics.query("model == @model and cohort == @cohort and metric == @metric")
        return None if rows.empty else rows.iloc[0]

    def comparison(self, model, cohort):
        """Return the test of a model against the reference in one cohort, or None."""
        rows = self.comparisons.query("model == @model and cohort == @cohort and reference == @self.reference")
        rows = rows[rows["measure"] == self.measure] if "measure" in rows else rows
        return None if rows.empty else rows.iloc[0]

    @property
    def honest_cohort(self):
        """The most independent cohort in which the headline model has an AUC (or C); None if there is none."""
        for cohort in HONEST_COHORTS:
            row = self.metric(self.headline, cohort, self.measure)
            if row is not None and not missing(row["estimate"]):
                return cohort
        return None


def load_results(settings, files):
    """Read everything the report shows.

    Parameters
    ----------
    settings : dict
        See `settings.report`.
    files : dict
        Paths: patients, flow, quality (list), icc (None if absent), habitats, signatures and models (dicts of dicts),
        metrics, comparisons, leakage, provenance, figures.
    """
    chosen = ("config", "orders", "cohorts", "reference", "headline")
    return Results(
        **{name: settings[name] for name in chosen},
        files=files,
        patients=pd.read_csv(files["patients"], dtype=str),
        flow=read_table(files["flow"]).fillna({"reason": ""}),
        quality=pd.concat([pd.read_csv(path, dtype=str) for path in files["quality"]], ignore_index=True),
        icc=read_table(files["icc"]) if files["icc"] else None,
        signatures={name: _read_all(files["signatures"][name]) for name in settings["orders"]["signatures"]},
        models={name: _read_all(files["models"][name]) for name in settings["orders"]["models"]},
        habitats={name: _read_all(files["habitats"][name]) for name in settings["orders"]["habitats"]},
        nested={name: _read_all(files["nested"][name]) for name in settings["orders"].get("nested", [])},
        metrics=read_table(files["metrics"]),
        comparisons=read_table(files["comparisons"]),
        leakage=read_json(files["leakage"]),
        provenance=read_json(files["provenance"]) if files.get("provenance") else {},
        statistics={name: read_any(files.get(name)) for name in STATISTICS},
    )


def _read_all(paths):
    return {name: read_json(path) if str(path).endswith(".json") else read_table(path) for name, path in paths.items()}


def read_any(paths):
    """Read one table, or one for each name of a dictionary; None where there is none."""
    if not paths:
        return None
    return _read_all(paths) if isinstance(paths, dict) else _read_all({"": paths})[""]
