"""Derive every printed number again from the stored predictions; stop when one does not follow."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import read_cutoff
from habitat_radiomics.number_audit import audit_study, require_sound
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "predictions*", "cutoffs*", "metrics", "comparisons", "funnels*", "flow", "checks")
settings = read_json(a.settings)
checks = audit_study(
    read_table(a.metrics).astype({"k": "Int64"}),
    {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)},
    {model: read_cutoff(path) for model, path in zip(settings["models"], a.cutoffs, strict=True)},
    comparisons=read_table(a.comparisons),
    funnels={name: read_table(path) for name, path in zip(settings["signatures"], a.funnels, strict=True)},
    flow=read_table(a.flow),
    level=settings["level"],
    proportion_method=settings["proportion_interval"],
)
require_sound(checks)
write_table(a.checks, checks)
