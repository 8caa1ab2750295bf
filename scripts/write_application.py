"""Write the page on patients to whom the models of a bundle were applied."""

from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.provenance import sha256
from habitat_radiomics.report import read_parts
from habitat_radiomics.report_application import application_page, load_application
from habitat_radiomics.whole_files import replace_text

a = arguments("settings", "bundle", "parts*", "page")
application = load_application(read_json(a.settings), read_bundle(a.bundle, objects=False), sha256(a.bundle))
replace_text(a.page, application_page(application, read_parts(a.parts)))
