"""Draw the review page of one patient, and what the index of all patients needs of it."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.images import single_thread
from habitat_radiomics.review_files import patient_files, read_parts
from habitat_radiomics.review_page import patient_page, patient_summary, read_rows
from habitat_radiomics.review_scan import draw_scan
from habitat_radiomics.whole_files import replace_text

a = arguments(
    "settings", "patient", "images*", "corrected*", "records*", "readings*", "regions*", "region_records*",
    "artifacts*", "labels*", "label_records*", "probabilities*", "quality*", "outliers", "far", "parts*",
    "page", "summary",
)  # fmt: skip
single_thread()
settings = read_json(a.settings)
scans = [draw_scan(sequence, files) for sequence, files in patient_files(settings, a).items()]
tables = {"quality": read_rows(a.quality, a.patient), "outliers": read_rows([a.outliers], a.patient)}
tables |= {"far": read_rows([a.far], a.patient)}
tables["records"] = dict(zip(settings["sequences"], map(read_json, a.records), strict=True))
write_json(a.summary, patient_summary(a.patient, scans))
replace_text(a.page, patient_page(a.patient, scans, tables, read_parts(a.parts), **settings["words"]))
