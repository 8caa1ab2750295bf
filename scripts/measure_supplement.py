"""Measure average precision of every model, and reclassification by the headline model against the reference."""

from habitat_radiomics.cohort_tables import precision_table, reclassification
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "precision", "reclassification")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
chosen = {name: settings[name] for name in ("reference", "model", "cutoffs", "level")}
write_table(a.precision, precision_table(predictions, level=settings["level"]))
write_table(a.reclassification, reclassification(predictions, **chosen))
