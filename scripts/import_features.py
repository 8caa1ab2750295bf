"""Bring together the features of the training (or validation) patients from the tables of the study."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.feature_tables import import_features
from habitat_radiomics.tables import write_table

a = arguments("settings", "tables*", "features", "quality")
settings = read_json(a.settings)
known = [{name: table[name] for name in ("sequence", "region")} for table in settings["tables"]]
tables = [{**table, "path": path} for table, path in zip(known, a.tables, strict=True)]
features, quality = import_features(tables=tables, patients=settings["patients"])
write_table(a.features, features)
write_table(a.quality, quality)
