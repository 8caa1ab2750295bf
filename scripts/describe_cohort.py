"""Write the patients of the study and the flow of exclusions."""

from habitat_radiomics.cohort import exclusion_flow, patient_table
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.tables import read_table, read_text, write_table

a = arguments("settings", "outcome", "clinical", "quality*", "patients", "flow")
settings = read_json(a.settings)
patients = patient_table(
    read_table(a.outcome), read_text(a.clinical), [read_table(path) for path in a.quality], settings
)
write_table(a.patients, patients)
write_table(a.flow, exclusion_flow(patients, settings))
