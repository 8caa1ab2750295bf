"""Collect the shares of the habitats of all patients."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.habitat_cohort import share_table
from habitat_radiomics.tables import write_table

a = arguments("settings", "habitats", "artifact", "records", "shares")
patients = read_json(a.settings)["patients"]
records = a.records.replace("{habitats}", a.habitats)
write_table(a.shares, share_table(patients, records, k=read_json(a.artifact)["k"]))
