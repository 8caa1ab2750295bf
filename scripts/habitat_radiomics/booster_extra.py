"""Which models need the optional libraries of gradient boosting, and what is said where these are missing."""

from importlib.util import find_spec

OPTIONAL = ("xgboost", "lightgbm")  # estimators by the name of their package


def asked_for(config):
    """Return the optional classifiers that some model is or chooses from.

    Parameters
    ----------
    config : dict
        Complete configuration.
    """
    named = [
        name
        for model in config["models"].values()
        for name in (model["estimator"], *(model["classifiers"] if model["estimator"] == "best" else ()))
    ]
    return [name for name in OPTIONAL if name in named]


def missing(config, *, find=find_spec):
    """Return a sentence with the cure where a package is missing, an empty list where none is.

    Parameters
    ----------
    config : dict
        Complete configuration.
    find : callable
        Finds an installed package by name, as ``importlib.util.find_spec``.

    Returns
    -------
    list of str
    """
    lacking = [name for name in asked_for(config) if find(name) is None]
    if not lacking:
        return []
    users = [
        name
        for name, model in config["models"].items()
        if set(lacking) & {model["estimator"], *(model["classifiers"] if model["estimator"] == "best" else ())}
    ]
    return [
        f"models {', '.join(users)} need the Python package{'s' * (len(lacking) > 1)} {', '.join(lacking)}. Run `make "
        "boosting`, which installs envs/boosting.txt, or use gradient_boosting, which is scikit-learn's own."
    ]
