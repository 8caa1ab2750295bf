"""Write which software, code, configuration and inputs a study came from."""

from pathlib import Path

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.provenance import checksum_list, provenance_record
from habitat_radiomics.whole_files import replace_text

a = arguments("settings", "record", "checksums")
settings = read_json(a.settings)
scripts = Path(__file__).resolve().parent
record = provenance_record(
    config=settings["config"],
    scripts=sorted(scripts.rglob("*.py")),
    workflow=scripts.parent,
    scans={name: read_json(path) for name, path in settings["scans"].items()},
    tables=settings["tables"],
    results=settings["results"],
)
write_json(a.record, record)
replace_text(a.checksums, checksum_list(record["results"]))
