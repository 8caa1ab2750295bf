from pathlib import Path

import yaml

from habitat_radiomics.config_reference import config_reference

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


def test_the_page_of_keys_is_the_one_the_schema_gives():
    assert (ROOT / "config/README.md").read_text(encoding="utf-8") == config_reference(SCHEMA), "run: make docs"


def described(schema):
    for key, part in schema.get("properties", {}).items():
        if "$ref" not in part:
            yield key, part
            yield from described(part)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from described(schema["additionalProperties"])


def test_every_key_is_described_and_stands_on_the_page():
    page = config_reference(SCHEMA)
    for definition in (SCHEMA, *SCHEMA["$defs"].values()):
        for key, part in described(definition):
            assert part.get("description"), key
            assert key in page, key


def test_no_group_of_keys_accepts_unknown_ones():
    def groups(schema):
        if "properties" in schema:
            yield schema
        for part in [*schema.get("properties", {}).values(), schema.get("additionalProperties")]:
            if isinstance(part, dict):
                yield from groups(part)

    for definition in (SCHEMA, *SCHEMA["$defs"].values()):
        for group in groups(definition):
            assert group.get("additionalProperties") is False
