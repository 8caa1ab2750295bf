"""Measure every survival model in every cohort, compare the models, and follow AUC(t) and prediction error."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.survival_validation import (
    all_comparisons,
    all_metrics,
    auc_curves,
    error_curves,
    model_table,
)
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "survival*", "metrics", "comparisons", "table", "areas", "errors")
settings = read_json(a.settings)
predictions, curves = (
    {model: read_table(path) for model, path in zip(settings["models"], paths, strict=True)}
    for paths in (a.predictions, a.survival)
)
horizons, level, reference = settings["horizons"], settings["level"], settings["reference"]
resampling = {name: settings[name] for name in ("resamples", "seed")}
metrics = all_metrics(predictions, curves, horizons=horizons, level=level, **resampling)
comparisons = all_comparisons(predictions, reference=reference, horizons=horizons, level=level, pairs=settings["pairs"])
write_table(a.metrics, metrics)
write_table(a.comparisons, comparisons)
write_table(a.table, model_table(metrics, comparisons, reference=reference))
write_table(a.areas, auc_curves(predictions, level=level))
write_table(a.errors, error_curves(predictions, curves, until=horizons[-1], level=level))
