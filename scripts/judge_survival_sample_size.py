"""Compare the events among the training patients with the patients that every survival model would have needed."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.outcome import SURVIVAL_COLUMNS
from habitat_radiomics.sample_size_table import candidate_counts, survival_sample_size_table
from habitat_radiomics.tables import read_by_patient, read_table, write_table

a = arguments("settings", "metrics", "coefficients*", "funnels*", "outcome", "table")
settings = read_json(a.settings)
coefficients = {name: read_table(path) for name, path in zip(settings["models"], a.coefficients, strict=True)}
funnels = {name: read_table(path) for name, path in zip(settings["signatures"], a.funnels, strict=True)}
times = read_by_patient(a.outcome)[SURVIVAL_COLUMNS]
table = survival_sample_size_table(
    read_table(a.metrics),
    coefficients,
    candidate_counts(coefficients, funnels),
    rate=times["event"].sum() / times["time"].sum(),
    follow_up=times["time"].mean(),
    horizon=settings["horizons"][-1],
)
write_table(a.table, table)
