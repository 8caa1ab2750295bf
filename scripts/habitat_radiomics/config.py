"""Check a study's configuration against its schema, fill in defaults, and say kindly what is wrong."""

import copy
import difflib

from jsonschema import Draft202012Validator

from habitat_radiomics.deep_settings import REGION, deep_faults
from habitat_radiomics.estimator_words import WORDS
from habitat_radiomics.feature_settings import feature_table_faults, given_regions
from habitat_radiomics.habitat_sets import all_sets, habitat_faults, region_names
from habitat_radiomics.nested_faults import nested_faults
from habitat_radiomics.outcome_settings import SCORE_STEPS, event_column, outcome_faults

TYPE_WORDS = {
    "object": "a group of keys",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "empty",
}


def complete_config(config, schema):
    """Return the configuration with every default filled in, and the list of its faults.

    Parameters
    ----------
    config : dict
        As read from YAML.
    schema : dict
        JSON schema whose ``properties`` may carry ``default`` and ``description``.

    Returns
    -------
    complete : dict
        A new dictionary; equal to ``config`` where that is set.
    faults : list of str
        One sentence per fault; empty when the configuration is valid.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        return config, [sentence for error in errors for sentence in _sentences(error)]
    complete = _with_defaults(config, schema, schema)
    return complete, _reference_faults(complete)


def overridden(config, step, sequence):
    """Settings of one step for one sequence: the study's, with the sequence's own overrides on top."""
    return {**config[step], **(config["sequences"][sequence] or {}).get(step, {})}


def members_of(config, name):
    """The signature itself, or all candidates of one that is the best of several."""
    return config["signatures"][name]["best_of"] or [name]


def signature_steps(config, name):
    """Selection steps of a signature and of all its candidates."""
    return [step for member in members_of(config, name) for step in config["signatures"][member]["steps"]]


def nearest(word, words):
    """Return the most similar of ``words``, or None when nothing is similar."""
    matches = difflib.get_close_matches(str(word), list(map(str, words)), n=1, cutoff=0.5)
    return matches[0] if matches else None


def _with_defaults(value, schema, root):
    """Fill defaults below ``value``; where the schema says ``x-sparse`` (overrides) nothing is filled in."""
    schema = resolved(schema, root)
    if schema.get("x-sparse"):
        return value
    if isinstance(value, list):
        return [_with_defaults(item, schema.get("items", {}), root) for item in value]
    if not isinstance(value, dict):
        return value
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    value = {**_defaults(value, properties, root), **value}
    order = [*(key for key in properties if key in value), *(key for key in value if key not in properties)]
    return {key: _with_defaults(value[key], properties.get(key, others), root) for key in order}


def _defaults(value, properties, root):
    """Return the defaults of the keys that ``value`` leaves out."""
    parts = {key: resolved(part, root) for key, part in properties.items() if key not in value}
    return {key: copy.deepcopy(part["default"]) for key, part in parts.items() if "default" in part}


def resolved(schema, root):
    """Follow a ``$ref`` inside the same schema; keys beside the reference win."""
    if "$ref" not in schema:
        return schema
    target = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _sentences(error):
    """Turn one validation error into sentences: where, what was found, what is allowed, what to do."""
    where = ".".join(map(str, error.path)) or "the top level"
    if error.validator == "additionalProperties":
        allowed = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in allowed]
        return [_unknown_key(key, where, allowed) for key in unknown]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"config: {where} lacks the key '{key}'. Add it; config/README.md describes it." for key in missing]
    return [f"config: {where}: found {_shown(error.instance)}; {_allowed(error)}"]


def _unknown_key(key, where, allowed):
    hint = nearest(key, allowed)
    advice = f"Did you mean '{hint}'?" if hint else f"Allowed: {', '.join(allowed)}."
    return f"config: unknown key '{key}' in {where}. {advice}"


def _shown(value):
    return "nothing (empty)" if value is None else f"{value!r}"


def _allowed(error):
    """Say what the schema allows where ``error`` was found."""
    rule, limit = error.validator, error.validator_value
    description = error.schema.get("description", "")
    if rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        allowed = f"{' or '.join(TYPE_WORDS[kind] for kind in kinds)} is needed."
    elif rule == "enum":
        hint = nearest(error.instance, limit)
        allowed = f"allowed: {', '.join(map(str, limit))}." + (f" Did you mean '{hint}'?" if hint else "")
    elif rule == "pattern":
        allowed = "allowed are letters, digits, '-', '_' and '.', beginning with a letter or digit."
    else:
        words = {
            "minimum": "at least",
            "maximum": "at most",
            "exclusiveMinimum": "above",
            "exclusiveMaximum": "below",
            "minItems": "number of entries at least",
            "maxItems": "number of entries at most",
            "minProperties": "number of entries at least",
            "maxProperties": "number of entries at most",
        }
        allowed = f"allowed: {words[rule]} {limit}." if rule in words else f"{error.message}."
    return f"{allowed} {description}".strip()


def _reference_faults(config):
    """Faults of names that must match a name elsewhere in the configuration."""
    sequences, regions, signatures = (
        list(config["sequences"]),
        given_regions(config) or config["regions"]["names"],
        list(config["signatures"]),
    )
    sets, deep = list(all_sets(config)), [REGION] if config["data"]["source"] != "features" else []
    lists = [
        (f"signatures.{name}.sequences", signature.get("sequences", []), sequences)
        for name, signature in config["signatures"].items()
    ]
    lists += [
        (f"signatures.{name}.regions", s["regions"], regions + deep + region_names(sets, s["regions"]))
        for name, s in config["signatures"].items()
    ]
    lists += [(f"signatures.{name}.best_of", s["best_of"], signatures) for name, s in config["signatures"].items()]
    lists += [
        (f"habitats.{name}.sequences", chosen["sequences"], sequences) for name, chosen in config["habitats"].items()
    ]
    lists += [(f"nested.{name}.sequences", chosen["sequences"], sequences) for name, chosen in config["nested"].items()]
    lists += [
        (f"models.{name}.signatures", model["signatures"], signatures) for name, model in config["models"].items()
    ]
    lists += [
        (f"models.{name}.clinical", m["clinical"], list(config["clinical"])) for name, m in config["models"].items()
    ]
    models = list(config["models"])
    lists += [
        (f"validation.{key}", _some(config["validation"][key]), models) for key in ("reference_model", "headline_model")
    ]
    lists += [
        (f"validation.figures.{group}", chosen, models) for group, chosen in config["validation"]["figures"].items()
    ]
    lists += [(f"{key}.models", config[key]["models"], models) for key in ("importance", "partial_dependence")]
    lists += [("validation.pairs", pair, models) for pair in config["validation"]["pairs"]]
    lists += [
        ("nomogram.model", _some(config["nomogram"]["model"]), models),
        ("reference", _some(config["reference"]), sequences),
        ("validation.subgroups", config["validation"]["subgroups"], _categories(config)),
        ("harmonise.covariates", config["harmonise"]["covariates"], list(config["clinical"])),
        ("features.banks", list(config["features"]["banks"]), regions + sets),
    ]
    faults = [
        _unknown_name(where, name, allowed) for where, names, allowed in lists for name in names if name not in allowed
    ]
    faults += outcome_faults(config) + _purpose_faults(config) + feature_table_faults(config)
    return faults + _model_faults(config) + habitat_faults(config) + nested_faults(config) + deep_faults(config)


def _categories(config):
    return [name for name, variable in config["clinical"].items() if variable["type"] == "category"]


def _some(value):
    return [] if value is None else [value]


def _unknown_name(where, name, allowed):
    hint = nearest(name, allowed)
    return f"config: {where} names '{name}', which is not defined. Defined: {', '.join(allowed) or 'none'}." + (
        f" Did you mean '{hint}'?" if hint else ""
    )


def _purpose_faults(config):
    """A study predicts an outcome by signatures and models, or has none of the three and describes."""
    column, parts = event_column(config["outcome"]), ("signatures", "models")
    lacking, given = ([name for name in parts if bool(config[name]) is wanted] for wanted in (False, True))
    if column and lacking:
        return [
            f"config: the outcome is column {column}, but there are no {' and no '.join(lacking)}. Add them, or remove "
            "outcome for a study that only describes images, habitats and features."
        ]
    if given and not column:
        asked = "outcome.column" if config["outcome"]["type"] == "binary" else "outcome.event"
        return [f"config: there are {' and '.join(given)}, but {asked} is empty. Name it, or remove them."]
    return []


def _model_faults(config):
    faults = [
        f"config: models.{name} has neither signatures nor clinical variables. Name at least one."
        for name, model in config["models"].items()
        if not model["signatures"] and not model["clinical"]
    ]
    faults += [fault for name in config["signatures"] for fault in _signature_faults(name, config["signatures"])]
    if (named := config["nomogram"]["model"]) in config["models"]:
        faults += _nomogram_faults(named, WORDS[config["models"][named]["estimator"]])
    faults += [
        f"config: clinical.{name} is a category without levels. List them, the reference level first."
        for name, variable in config["clinical"].items()
        if variable["type"] == "category" and "levels" not in variable
    ]
    faults += [
        f"config: {key}.models is for a binary outcome, this study's is survival. Leave it empty."
        for key in ("importance", "partial_dependence")
        if config[key]["models"] and config["outcome"]["type"] == "survival"
    ]
    low, high = config["validation"]["decision_thresholds"]
    if low >= high:
        faults.append(f"config: validation.decision_thresholds are {low:g} and {high:g}. Give the smaller one first.")
    if config["split"]["method"] == "date" and not config["split"]["train_until"]:
        faults.append("config: split.train_until is empty; split by date needs the last day of training (YYYY-MM-DD).")
    if config["split"]["method"] == "site" and not config["split"]["train_sites"]:
        faults.append("config: split.train_sites is empty; split by site needs the centres that train.")
    return faults


def _signature_faults(name, signatures):
    """A signature selects features of regions, or is the best of others that do."""
    chosen = signatures[name]
    if chosen["best_of"]:
        own = [key for key in ("regions", "steps", "sequences", "features") if chosen.get(key)]
        nested = [member for member in chosen["best_of"] if signatures.get(member, {}).get("best_of")]
        faults = [f"config: signatures.{name} is the best of others and cannot have {key}. Remove it." for key in own]
        return faults + [
            f"config: signatures.{name}.best_of names {member}, itself the best of others. Name its candidates."
            for member in nested
        ]
    faults = [
        f"config: signatures.{name} lacks the key '{key}'. Add it, or best_of; config/README.md describes both."
        for key in ("regions", "steps")
        if not chosen[key]
    ]
    steps = [next(iter(step)) for step in chosen["steps"]]
    if steps and (steps[-1] not in SCORE_STEPS or sum(step in SCORE_STEPS for step in steps) > 1):
        faults.append(
            f"config: signatures.{name}.steps must end with lasso, the score (cox_lasso for a survival outcome). "
            f"Found: {'; '.join(steps)}."
        )
    return faults


def _nomogram_faults(model, words):
    """A nomogram is drawn from coefficients."""
    if words.has_coefficients:
        return []
    drawable = ", ".join(name for name, other in WORDS.items() if other.has_coefficients)
    return [
        f"config: nomogram.model is {model}, a {words.name}, which has no coefficients to turn into points. Name a "
        f"model whose estimator is one of: {drawable}; or leave it empty."
    ]
