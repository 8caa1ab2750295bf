"""Measure every model in every cohort and compare the models."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import read_cutoff
from habitat_radiomics.tables import read_table, write_table
from habitat_radiomics.validation import all_comparisons, all_metrics, model_table

a = arguments("settings", "predictions*", "cutoffs*", "metrics", "comparisons", "table")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
cutoffs = {model: read_cutoff(path) for model, path in zip(settings["models"], a.cutoffs, strict=True)}
level, method = settings["level"], settings["proportion_interval"]
metrics = all_metrics(predictions, cutoffs, level=level, proportion_method=method)
chosen = {name: settings[name] for name in ("reference", "level", "pairs")}
comparisons = all_comparisons(predictions, **chosen)
write_table(a.metrics, metrics)
write_table(a.comparisons, comparisons)
write_table(a.table, model_table(metrics, comparisons, reference=settings["reference"]))
