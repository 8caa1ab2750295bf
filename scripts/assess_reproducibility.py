"""Agreement of every feature between readers and between repeated readings of training patients."""

from habitat_radiomics.agreement import feature_agreement
from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.leakage import digests
from habitat_radiomics.tables import read_table, write_table

a = arguments("settings", "training", "readings", "icc", "fitted_on")
readings = read_table(a.readings)
write_table(a.icc, feature_agreement(readings, training=read_json(a.training)["patients"], **read_json(a.settings)))
write_json(a.fitted_on, {"fitted_on": digests(readings["patient"].unique())})
