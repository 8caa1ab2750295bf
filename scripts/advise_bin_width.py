"""Count the grey-level bins that candidate widths give in the tumours of the training patients."""

from habitat_radiomics.bin_width import bin_width_table
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_by_patient, write_table

a = arguments("settings", "features", "table")
write_table(a.table, bin_width_table(read_by_patient(a.features), **read_json(a.settings)))
