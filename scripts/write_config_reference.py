"""Write config/README.md from the schema (make docs)."""

from pathlib import Path

import yaml

from habitat_radiomics.config_reference import config_reference

ROOT = Path(__file__).resolve().parents[1]
schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
(ROOT / "config/README.md").write_text(config_reference(schema), encoding="utf-8")
