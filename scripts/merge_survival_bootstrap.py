"""Bring the chunks of a bootstrap together and say what a survival model owes to being measured where it was fitted."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.resampling import BootstrapChunk, merge_bootstrap, selection_frequency
from habitat_radiomics.survival_bootstrap import bootstrap_tables
from habitat_radiomics.tables import read_by_patient, read_table, write_table

inputs = ("settings", "outcome", "predictions*", "selected*", "baseline*")
a = arguments(*inputs, "statistics", "calibration", "errors", "frequency")
files = zip(a.predictions, a.selected, strict=True)
predictions, selected = merge_bootstrap([BootstrapChunk(*map(read_table, pair)) for pair in files])
baseline = pd.concat(map(read_table, a.baseline), ignore_index=True)
outcome = read_by_patient(a.outcome)
tables = bootstrap_tables(predictions, baseline, outcome, times=outcome["time"].unique(), **read_json(a.settings))
tables = (*tables, selection_frequency(selected, predictions.fillna({"reason": ""})))
for path, table in zip((a.statistics, a.calibration, a.errors, a.frequency), tables, strict=True):
    write_table(path, table)
