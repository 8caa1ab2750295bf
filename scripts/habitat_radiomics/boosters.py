"""Gradient boosting by XGBoost and LightGBM, for whoever installs them (`make boosting`).

A fitted model is kept as the text the library itself writes, JSON and LightGBM's own, and read again where it predicts:
nothing but text is stored, and a study that uses neither never imports them. Both run on one thread.
"""

from functools import lru_cache

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data


class _Booster(ClassifierMixin, BaseEstimator):
    """A booster of the logistic loss; classes weigh the same.

    Attributes
    ----------
    model_ : str
        The fitted trees, as the library writes them.
    """

    def fit(self, X, y):
        """Fit the trees.

        Parameters
        ----------
        X : ndarray, shape (patients, inputs)
        y : array of 0 and 1
        """
        X, y = validate_data(self, X, dtype=float), np.asarray(y, dtype=int)
        self.classes_ = np.array([0, 1])
        self.model_ = self._trained(X, y, compute_sample_weight("balanced", y))
        return self

    def decision_function(self, X):
        """Log odds where the classes weigh the same."""
        check_is_fitted(self)
        return self._log_odds(validate_data(self, X, reset=False, dtype=float)).astype(float)

    def predict(self, X):
        """Class with the larger log odds."""
        return (self.decision_function(X) > 0).astype(int)


class XgboostClassifier(_Booster):
    """XGBoost (Chen and Guestrin 2016, KDD), trees grown by exact search of the splits.

    Parameters
    ----------
    max_depth : int
        Largest depth of a tree.
    max_iter : int
        Number of trees.
    seed : int
    """

    def __init__(self, *, max_depth=2, max_iter=100, seed=0):
        self.max_depth = max_depth
        self.max_iter = max_iter
        self.seed = seed

    def _trained(self, X, y, weight):
        import xgboost

        settings = {"objective": "binary:logistic", "tree_method": "exact", "learning_rate": 0.1, "base_score": 0.5}
        settings |= {"max_depth": self.max_depth, "seed": self.seed, "nthread": 1, "verbosity": 0}
        data = xgboost.DMatrix(X, label=y, weight=weight, nthread=1)
        return xgboost.train(settings, data, self.max_iter).save_raw("json").decode()

    def _log_odds(self, X):
        import xgboost

        return _read_xgboost(self.model_).predict(xgboost.DMatrix(X, nthread=1), output_margin=True)


class LightgbmClassifier(_Booster):
    """LightGBM (Ke et al. 2017, NIPS), at least five patients in a leaf.

    Parameters
    ----------
    max_leaf_nodes : int
        Largest number of leaves of a tree.
    max_iter : int
        Number of trees.
    seed : int
    """

    def __init__(self, *, max_leaf_nodes=4, max_iter=100, seed=0):
        self.max_leaf_nodes = max_leaf_nodes
        self.max_iter = max_iter
        self.seed = seed

    def _trained(self, X, y, weight):
        import lightgbm

        settings = {"objective": "binary", "learning_rate": 0.1, "min_data_in_leaf": 5, "boost_from_average": False}
        settings |= {"num_leaves": self.max_leaf_nodes, "seed": self.seed, "num_threads": 1, "verbosity": -1}
        settings |= {"deterministic": True, "force_row_wise": True}
        data = lightgbm.Dataset(X, label=y, weight=weight, params={"verbosity": -1})
        return lightgbm.train(settings, data, self.max_iter).model_to_string()

    def _log_odds(self, X):
        return _read_lightgbm(self.model_).predict(X, raw_score=True, num_threads=1)


@lru_cache(maxsize=64)
def _read_xgboost(text):
    import xgboost

    return xgboost.Booster({"nthread": 1}, model_file=bytearray(text.encode()))


@lru_cache(maxsize=64)
def _read_lightgbm(text):
    import lightgbm

    return lightgbm.Booster(model_str=text)
