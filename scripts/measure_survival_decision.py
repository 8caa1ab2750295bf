"""Measure what acting on every survival model's risk by a horizon is worth in every cohort, by threshold."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.survival_cohort_tables import decision_curves
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "curves")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
chosen = {name: settings[name] for name in ("horizons", "thresholds", "resamples", "seed", "level")}
write_table(a.curves, decision_curves(predictions, **chosen))
