"""Compare the training patients with those that every model would have needed."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.sample_size_table import candidate_counts, sample_size_table
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "metrics", "coefficients*", "funnels*", "table")
settings = read_json(a.settings)
coefficients = {name: read_table(path) for name, path in zip(settings["models"], a.coefficients, strict=True)}
funnels = {name: read_table(path) for name, path in zip(settings["signatures"], a.funnels, strict=True)}
offered = candidate_counts(coefficients, funnels)
write_table(a.table, sample_size_table(read_table(a.metrics), coefficients, offered))
