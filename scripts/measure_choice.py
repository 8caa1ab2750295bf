"""Put the classifiers of all models beside each other, and measure what having chosen among them is worth."""

import pandas as pd

from habitat_radiomics.classifier_tables import choice_table
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_by_patient, read_table, write_table

a = arguments("settings", "areas*", "cross_validations*", "outcome", "table", "choice")
settings = read_json(a.settings)
areas = pd.concat([read_table(path) for path in a.areas], ignore_index=True)
tables = zip(settings["models"], map(read_by_patient, a.cross_validations), strict=True)
outcome = read_by_patient(a.outcome)["outcome"]
write_table(a.table, areas)
write_table(a.choice, choice_table(areas, dict(tables), outcome, level=settings["level"]))
