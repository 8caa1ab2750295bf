"""Take what a study learnt out of its bundle, to where the steps look for it."""

from pathlib import Path

from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.entry import arguments
from habitat_radiomics.whole_files import replace_bytes

a = arguments("bundle", "results", "members*")
bundle = read_bundle(a.bundle)
for path in a.members:
    replace_bytes(path, bundle.members[Path(path).relative_to(a.results).as_posix()])
