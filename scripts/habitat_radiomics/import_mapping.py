"""The user's mapping from what files are called to sequences, regions and readings."""

import re
from pathlib import Path

import yaml

from habitat_radiomics.config import nearest
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.sheets import is_identifier

KEYS = ("sequences", "roi", "readings", "skip")
SEQUENCE_KEYS = ("series", "where", "roi")
READING_KEYS = ("match", "reader", "repeat")


def read_mapping(path):
    """Read the mapping of an import and refuse what it cannot mean.

    Parameters
    ----------
    path : str or Path
        YAML with ``sequences`` (name to a regular expression, or to ``series``, ``where`` and ``roi``), and optionally
        ``roi``, ``readings`` (list of ``match``, ``reader``, ``repeat``) and ``skip`` (list of UIDs or file names).

    Returns
    -------
    dict
        ``sequences``: name to ``series`` (regular expression), ``where`` (keyword to text) and ``roi``;
        ``readings``: list of ``match``, ``reader``, ``repeat``; ``skip``: set.

    Raises
    ------
    StudyFault
        With every fault found.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyFault(f"mapping {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("sequences"), dict) or not content["sequences"]:
        raise StudyFault(f"mapping {path}: `sequences:` with at least one line such as `T1: '^t1'` is needed.")
    mapping = {
        "sequences": {str(name): _sequence(value, content.get("roi")) for name, value in content["sequences"].items()},
        "readings": [_reading(value) for value in content.get("readings") or []],
        "skip": {str(value) for value in content.get("skip") or []},
    }
    faults = _unknown(content, KEYS, "") + _faults(content, mapping)
    if faults:
        raise StudyFault("\n".join(f"mapping {path}: {fault}" for fault in faults))
    return mapping


def _sequence(value, roi):
    given = value if isinstance(value, dict) else {"series": value}
    where = {str(keyword): str(text) for keyword, text in (given.get("where") or {}).items()}
    return {"series": str(given.get("series") or ""), "where": where, "roi": given.get("roi", roi)}


def _reading(value):
    given = value if isinstance(value, dict) else {}
    return {
        "match": str(given.get("match") or ""),
        "reader": str(given.get("reader", 1)),
        "repeat": str(given.get("repeat", 1)),
    }


def _unknown(given, known, where):
    faults = []
    for key in given:
        if key not in known:
            hint = nearest(key, known)
            advice = f" Did you mean '{hint}'?" if hint else ""
            faults.append(f"{where}unknown key '{key}'. Allowed: {', '.join(known)}.{advice}")
    return faults


def _faults(content, mapping):
    faults = []
    for name, chosen in mapping["sequences"].items():
        given = content["sequences"].get(name)
        faults += _unknown(given, SEQUENCE_KEYS, f"sequences.{name}: ") if isinstance(given, dict) else []
        if not is_identifier(name):
            faults.append(f"sequences: '{name}' cannot name files; use letters, digits, '-', '_', '.'.")
        if not chosen["series"]:
            faults.append(f"sequences.{name}: a regular expression for the series is needed, such as '^t1'.")
        faults += _pattern_faults(f"sequences.{name}.series", chosen["series"])
        faults += _pattern_faults(f"sequences.{name}.roi", chosen["roi"])
    for number, reading in enumerate(mapping["readings"], start=1):
        given = content["readings"][number - 1]
        faults += _unknown(given, READING_KEYS, f"readings {number}: ") if isinstance(given, dict) else []
        if not reading["match"]:
            faults.append(f"readings {number}: `match` (a regular expression) is needed.")
        faults += _pattern_faults(f"readings {number}.match", reading["match"])
        if not (is_identifier(reading["reader"]) and is_identifier(reading["repeat"])):
            faults.append(f"readings {number}: reader and repeat are letters and digits.")
    return faults


def _pattern_faults(where, pattern):
    try:
        re.compile(str(pattern or ""))
    except re.error as error:
        return [f"{where}: '{pattern}' is no regular expression ({error})."]
    return []


def matches(pattern, text):
    """Whether a regular expression finds something in a text, in capitals or not."""
    return re.search(pattern, text, re.IGNORECASE) is not None


def reading_of(mapping, texts):
    """Return (reader, repeat) of a mask by the first rule that matches any of its texts; ("1", "1") where none "
    "does."""
    for rule in mapping["readings"]:
        if any(matches(rule["match"], text) for text in texts):
            return rule["reader"], rule["repeat"]
    return "1", "1"


def mapping_example(names):
    """Return a mapping to start from, for the names that were found most often."""
    lines = ["sequences:"]
    for number, name in enumerate(names, start=1):
        quoted = re.escape(name).replace("\\ ", " ").replace("'", "''")
        lines.append(f"  SEQUENCE{number}: '^{quoted}$'")
    return "\n".join([*lines, "roi: '^GTV$'   # the region to take where a file holds several"])
