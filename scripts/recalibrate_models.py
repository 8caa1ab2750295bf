"""Bring every model to the level and spread of risk of the patients at hand, and measure what that changes."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.recalibration import recalibration_tables
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "coefficients", "risks", "measures")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
tables = recalibration_tables(predictions, level=settings["level"], groups=settings["groups"])
for path, table in zip((a.coefficients, a.risks, a.measures), tables, strict=True):
    write_table(path, table)
