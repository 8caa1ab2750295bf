"""Compare survival between the risk groups of every model, in every cohort and within clinical subgroups."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.survival_cohort_tables import risk_group_tables
from habitat_radiomics.tables import read_table, read_text, write_table

a = arguments("settings", "predictions*", "cutoffs*", "clinical", "compared", "curves", "at_horizons")
settings = read_json(a.settings)
predictions = {model: read_table(path) for model, path in zip(settings["models"], a.predictions, strict=True)}
corrected = {
    model: read_json(path).get("p_corrected") for model, path in zip(settings["models"], a.cutoffs, strict=True)
}
chosen = {"subgroups": dict(settings["subgroups"]), **{name: settings[name] for name in ("horizons", "level")}}
clinical = read_text(a.clinical).set_index("patient")
tables = risk_group_tables(predictions, clinical, **chosen, p_corrected=corrected)
for path, table in zip((a.compared, a.curves, a.at_horizons), tables, strict=True):
    write_table(path, table)
