"""Write the models of a study, and all that applying them needs, into one file."""

import json
from pathlib import Path

from habitat_radiomics.bundle import bundle_bytes
from habitat_radiomics.bundle_needs import needs_of, needs_text
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.provenance import package_versions
from habitat_radiomics.state import as_json
from habitat_radiomics.whole_files import replace_bytes

a = arguments("settings", "ranges", "results", "members*", "bundle")
settings, ranges = read_json(a.settings), read_json(a.ranges)
needs = needs_of(json.loads(settings["config_text"]), ranges)  # in the order of the study
texts = {
    "README.txt": needs_text(needs, study=settings["study"]),
    "config.json": settings["config_text"],
    "needs.json": as_json(needs),
}
files = {Path(path).relative_to(a.results).as_posix(): Path(path).read_bytes() for path in (a.ranges, *a.members)}
versions = package_versions(sorted(Path(__file__).resolve().parent.rglob("*.py")))
about = {"study": settings["study"], "code": settings["code"], "versions": versions}
members = {**files, **{name: text.encode() for name, text in texts.items()}}
replace_bytes(a.bundle, bundle_bytes(members, about))
