"""Write the reference of every configuration key from the schema, so that documentation cannot drift from the check."""

import json

from habitat_radiomics.config import resolved

INTRODUCTION = """# Configuration

A study is one YAML file. `snakemake --cores 32` runs [config.yaml](config.yaml), the demo study;
`snakemake --cores 32 --configfile config/studies/STUDY.yaml` runs yours. Only what differs from the defaults below has
to be written; unknown keys are refused. A single value can be changed for one run: `--config seed=7`.

*This page is generated from `workflow/schemas/config.schema.yaml` (`make docs`); do not edit it by hand.*
"""


def config_reference(schema):
    """Return the Markdown page: one table per section of the configuration, then the selection steps and the tables."""
    parts = [INTRODUCTION, "## Top level\n", _table(_plain_keys(schema, schema), schema)]
    for name, section in schema["properties"].items():
        section = resolved(section, schema)
        if section.get("properties"):
            parts += [f"## {name}\n", section.get("description", "") + "\n", _table(section["properties"], schema)]
        elif _members(section).get("properties"):
            parts += [f"## {name}.*NAME*\n", section.get("description", "") + "\n"]
            parts.append(_table(_members(section)["properties"], schema))
    parts += ["## Selection steps\n", _steps(schema), TABLES]
    return "\n".join(parts)


def _plain_keys(section, root):
    return {key: part for key, part in section["properties"].items() if not _has_keys(resolved(part, root))}


def _has_keys(part):
    return bool(part.get("properties") or _members(part).get("properties"))


def _members(part):
    others = part.get("additionalProperties")
    return others if isinstance(others, dict) else {}


def _table(properties, root):
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, part in properties.items():
        part = resolved(part, root)
        if "$ref" in properties[key] and "default" not in properties[key]:
            rows.append(f"| `{key}` | group | | Overrides of [{key}](#{key}) for this sequence. |")
        else:
            rows.append(f"| `{key}` | {_type(part)} | {_default(part)} | {_text(part)} |")
    return "\n".join(rows) + "\n"


def _type(part):
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    kinds = part.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = {"object": "group", "array": "list", "string": "text", "integer": "whole number", "null": "empty"}
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = ", ".join(f"{sign} {part[name]}" for name, sign in limits.items() if name in part)
    return " or ".join(words.get(kind, kind) for kind in kinds) + (f" {bounds}" if bounds else "")


def _default(part):
    if "default" not in part or part["default"] == {}:
        return ""
    return "empty" if part["default"] in (None, "") else f"`{json.dumps(part['default'])}`"


def _text(part):
    return part.get("description", "").replace("|", "\\|").replace("\n", " ")


def _steps(root):
    lines = []
    for name, step in root["$defs"]["step"]["properties"].items():
        lines.append(f"### {name}\n\n{step['description']}\n")
        if step["properties"]:
            lines.append(_table(step["properties"], root))
    return "\n".join(lines)


TABLES = """
## Tables

Tab-separated (`.tsv`), comma- or semicolon-separated (`.csv`) or Excel (`.xlsx`, first sheet); UTF-8; identifiers stay
text (`007` is not `7`). Empty cells, `NA` and `NaN` are missing. All faults of both tables are reported together,
before the first job.

### Patients: one row per patient

| column | needed | meaning |
|---|---|---|
| `patient` | yes | Identifier; letters, digits, `-`, `_`, `.`; also names files, so use a pseudonym. |
| as `outcome.column` | yes | 0 (did not happen) or 1 (happened). |
| names below `clinical` | yes | A number, or one of the stated levels; may be empty. |
| as `split.column` | method `column` | Cohort: `train`, `internal` or `external`. |
| as `split.date_column`, `split.site_column` | methods `date`, `site` | ISO date (YYYY-MM-DD); centre. |
| `exclude` | no | A reason; a patient with one is left out and counted under it. |

### Images: one row per patient, sequence and reading

| column | needed | meaning |
|---|---|---|
| `patient` | yes | As in the patients table. |
| `sequence` | yes | As below `sequences`; rows of other sequences are ignored. |
| `image` | yes | NIfTI, NRRD or MHA file, relative to `data.folder`. |
| `mask` | yes | Label image on the same grid; with `reference` only its own masks are needed. |
| `reader` | no | Who drew the mask; `1` when empty. `reproducibility.primary_reader` is modelled. |
| `repeat` | no | Which time the reader drew it; `1` when empty. |
| `manufacturer`, `field_strength_t`, `tr_ms`, ... | no | Acquisition, as `make import` writes it; not needed to run. |
"""
