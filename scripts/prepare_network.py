"""Write the pretrained network of the study as one file, and what whoever runs it has to know."""

from habitat_radiomics.deep_weights import prepare_network
from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.whole_files import replace_bytes

a = arguments("settings", "network", "description")
content, description = prepare_network(**read_json(a.settings))
replace_bytes(a.network, content)
write_json(a.description, description)
