"""Put the features of many patients into one table, and say which scans cannot be used."""

from habitat_radiomics.collect import collect_features
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import write_table

a = arguments("settings", "features", "readings", "quality")
features, readings, quality = collect_features(**read_json(a.settings))
write_table(a.features, features)
write_table(a.readings, readings)
write_table(a.quality, quality)
