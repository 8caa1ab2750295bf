"""Compute the decision curves of all models in every cohort."""

from habitat_radiomics.cohort_tables import decision_curves
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "curves")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
chosen = {name: settings[name] for name in ("thresholds", "resamples", "seed", "level")}
write_table(a.curves, decision_curves(predictions, **chosen))
