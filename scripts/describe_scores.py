"""Test by Cox models in every cohort whether signature scores say something that clinical variables do not."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.survival_cohort_tables import score_factors, stacked_scores
from habitat_radiomics.tables import read_by_patient, read_clinical, write_table

a = arguments("settings", "scores*", "cross_fitted*", "outcome", "clinical", "table", "summary")
settings = read_json(a.settings)
applied, held_out = (
    {name: read_by_patient(path) for name, path in zip(settings["signatures"], paths, strict=True)}
    for paths in (a.scores, a.cross_fitted)
)
outcome, variables = read_by_patient(a.outcome), {name: settings["variables"][name] for name in settings["order"]}
scores = stacked_scores(applied, held_out, outcome["cohort"])
clinical = read_clinical(a.clinical, variables)
table, summaries = score_factors(scores, outcome, clinical, variables, level=settings["level"])
write_table(a.table, table)
write_json(a.summary, summaries)
