"""Measure the calibration of every survival model at every horizon in every cohort, and follow its curve."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.survival_cohort_tables import calibration_curves, calibration_groups, calibration_measures
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "corrected*", "measures", "curves", "groups")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
drawn = {model: predictions[model] for model in settings["drawn"]}
corrected = [read_table(path).assign(model=model) for model, path in zip(settings["models"], a.corrected, strict=False)]
chosen = {name: settings[name] for name in ("horizons", "level")}
bands = {name: settings[name] for name in ("resamples", "seed")}
curves = calibration_curves(drawn, **chosen, **bands, corrected=pd.concat(corrected) if corrected else None)
write_table(a.measures, calibration_measures(predictions, **chosen))
write_table(a.groups, calibration_groups(drawn, **chosen))
write_table(a.curves, curves)
