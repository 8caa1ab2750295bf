"""Bring the chunks of a bootstrap together and say what a model owes to being measured where it was fitted."""

from habitat_radiomics.bootstrap_tables import bootstrap_tables
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.resampling import BootstrapChunk, merge_bootstrap
from habitat_radiomics.tables import read_by_patient, read_table, write_table

a = arguments("settings", "outcome", "predictions*", "selected*", "statistics", "curve", "frequency")
files = zip(a.predictions, a.selected, strict=True)
predictions, selected = merge_bootstrap([BootstrapChunk(*map(read_table, pair)) for pair in files])
tables = bootstrap_tables(predictions, selected, read_by_patient(a.outcome)["outcome"], **read_json(a.settings))
for path, table in zip((a.statistics, a.curve, a.frequency), tables, strict=True):
    write_table(path, table)
