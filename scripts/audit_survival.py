"""Derive the printed numbers of a survival study again from the stored predictions; stop when one does not follow."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model_inputs import read_cutoff
from habitat_radiomics.number_audit import require_sound
from habitat_radiomics.survival_audit import audit_survival
from habitat_radiomics.tables import read_table, write_table

inputs = ("settings", "predictions*", "survival*", "cutoffs*", "metrics", "comparisons", "compared", "steps")
a = arguments(*inputs, "funnels*", "flow", "checks")
settings = read_json(a.settings)
of_model = [dict(zip(settings["models"], paths, strict=True)) for paths in (a.predictions, a.survival, a.cutoffs)]
checks = audit_survival(
    read_table(a.metrics),
    {model: read_table(path) for model, path in of_model[0].items()},
    {model: read_table(path) for model, path in of_model[1].items()},
    {model: read_cutoff(path) for model, path in of_model[2].items()},
    comparisons=read_table(a.comparisons),
    compared=read_table(a.compared),
    steps=read_table(a.steps),
    funnels={name: read_table(path) for name, path in zip(settings["signatures"], a.funnels, strict=True)},
    flow=read_table(a.flow),
    horizons=settings["horizons"],
    level=settings["level"],
)
require_sound(checks)
write_table(a.checks, checks)
