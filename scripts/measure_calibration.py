"""Measure the calibration of every model in every cohort and follow its curve."""

from habitat_radiomics.cohort_tables import calibration_curves, calibration_measures
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "corrected*", "measures", "curves")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
level, groups = settings["level"], settings["groups"]
write_table(a.measures, calibration_measures(predictions, level=level, groups=groups))
curves = calibration_curves(
    predictions,
    resamples=settings["resamples"],
    seed=settings["seed"],
    level=level,
    corrected=dict(zip(settings["models"], map(read_table, a.corrected), strict=False)),
)
write_table(a.curves, curves)
