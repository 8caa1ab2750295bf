"""Write what the ComBat of one signature does to the features of every patient."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.harmonisation import fitted_combat, harmonisation_tables
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature_inputs import read_features
from habitat_radiomics.tables import write_table

a = arguments("signature", "features*", "values", "batches", "summary", "tests", "components")
features = read_features(a.features, a.values)
tables = harmonisation_tables(fitted_combat(load_object(a.signature)), features)
for path, table in zip((a.batches, a.summary, a.tests, a.components), tables, strict=True):
    write_table(path, table)
