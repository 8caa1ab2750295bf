"""ComBat: remove location and scale differences between scanners or centres, fitted on training patients.

Model of a feature of patient i in batch b (Johnson, Li and Rabinovic 2007, Biostatistics 8:118; for imaging Fortin et
al. 2018, NeuroImage 167:104): mean + covariates + scale (gamma_b + delta_b^(1/2) noise). gamma_b and delta_b are
shrunk over all features by an empirical Bayes prior; the arithmetic is that of R's sva::ComBat (residual variance / n,
its stopping rule), with training and application kept apart.

The batch and the covariates to preserve travel with the features, as columns named by `metadata_column`; `Combat` reads
them and drops them, so that it works as the first step of any pipeline, in resamples and on new patients.
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from habitat_radiomics.column_blocks import in_blocks
from habitat_radiomics.combat_effects import (
    BatchEffect,
    batch_effect,
    batch_regression,
    independent_columns,
    unseen_effect,
)
from habitat_radiomics.weighted_sum import weighted_sum

METADATA = "patient|metadata|"
PRIORS = ("parametric", "nonparametric", "none")
UNSEEN = ("estimate", "leave")
LONE = ("mean_only", "all_mean_only")


def metadata_column(name):
    """Column of a features table that holds a batch or a covariate instead of a feature."""
    return METADATA + name


def without_metadata(features):
    """Return a features table without its columns of batches and covariates."""
    return features.drop(columns=[column for column in features.columns if str(column).startswith(METADATA)])


class Combat(TransformerMixin, BaseEstimator):
    """ComBat harmonisation as a transformer of a table of features with metadata columns.

    Patients without an estimable batch effect are never turned into missing values: features that do not vary (or are
    missing) within a training batch stay as they are, and so do patients of an unseen batch that is too small.
    ``notes_`` and `report` say so.

    Parameters
    ----------
    batch : str
        Variable that names the batch (site, scanner); its column is ``metadata_column(batch)``.
    covariates : tuple of str
        Variables whose effect is preserved: numbers, or text for categories. Never the outcome: patients to be
        predicted do not have it.
    prior : {"parametric", "nonparametric", "none"}
        Shape of the empirical Bayes prior; none uses every feature's own estimates.
    mean_only : bool
        Leave the scale alone.
    reference : str, optional
        Batch that all others are brought to; it is not changed.
    unseen : {"estimate", "leave"}
        What happens to a batch without training patients: its effect is estimated from its own patients, whose outcome
        is not used, or they stay as they are (which takes them as patients of the reference).
    fewest_unseen : int
        Patients an unseen batch needs to be estimated; below it stays as it is.
    lone_patient : {"mean_only", "all_mean_only"}
        A training batch of a single patient has no scale: only that batch is adjusted in the mean, or (as sva) all are.

    Attributes
    ----------
    features_ : list of str
    batches_ : list of str
        Batches of the training patients.
    untouched_ : dict
        Feature that stays as it is to the reason.
    notes_ : list of str
        What the reader of the result should know.
    location_, scale_ : ndarray, shape (batches, adjusted features)
        Effect of every training batch (0 and 1 where there is none), see `combat_effects.BatchEffect`.
    mean_, deviation_ : ndarray, shape (adjusted features,)
    covariate_effects_ : ndarray, shape (covariate columns, adjusted features)
    """

    def __init__(
        self,
        *,
        batch="site",
        covariates=(),
        prior="parametric",
        mean_only=False,
        reference=None,
        unseen="estimate",
        fewest_unseen=10,
        lone_patient="mean_only",
    ):
        self.batch = batch
        self.covariates = covariates
        self.prior = prior
        self.mean_only = mean_only
        self.reference = reference
        self.unseen = unseen
        self.fewest_unseen = fewest_unseen
        self.lone_patient = lone_patient

    def fit(self, X, y=None):
        """Estimate the effects of the batches in X, a DataFrame of features and metadata columns.

        Raises
        ------
        ValueError
            For unknown settings, a missing metadata column or label, a reference without patients, and no feature.
        """
        self._check_settings()
        labels, features = self._labels(X), without_metadata(X)
        if features.shape[1] == 0:
            raise ValueError("ComBat got no features: the table holds metadata columns only.")
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.features_, self.batches_, self.notes_ = list(features.columns), sorted(set(labels)), []
        self._check_reference(labels)
        self._learn_covariates(X)
        members = np.array([labels == batch for batch in self.batches_])
        # Copies of a patient (a resample) are one patient.
        lone = np.array([X.index[rows].nunique() < 2 for rows in members])
        values = features.to_numpy(dtype=float)
        self.untouched_ = untouched_features(values, members, lone, names=self.features_)
        chosen = values[:, self._columns()] if self.untouched_ else values
        self._estimate(chosen, members, self._with_scale(lone), self._covariate_columns(X))
        return self

    def transform(self, X):
        """Return the features of X without metadata columns, harmonised to the training patients.

        The effect of an unseen batch is estimated from the patients of that batch in X: give them together.
        """
        check_is_fitted(self)
        labels, values, chosen = self._labels(X), np.array(X[self.features_], dtype=float), self._columns()
        covariates = self._covariate_columns(X)
        for batch in np.unique(labels):  # one after the other: a large table fits into memory once, not several times
            rows = np.flatnonzero(labels == batch)
            expected = self.mean_ + weighted_sum(covariates[rows], self.covariate_effects_)
            standard = (values[np.ix_(rows, chosen)] - expected) / self.deviation_
            effect = self._effect(batch, standard)
            if effect is not None:
                adjusted = (standard - effect.location) / np.sqrt(effect.scale) * self.deviation_ + expected
                values[np.ix_(rows, chosen)] = adjusted
        return pd.DataFrame(values, index=X.index, columns=self.features_, copy=False)

    def report(self, X):
        """Return what happens to every batch of X: batch, patients, in_training, action, note."""
        check_is_fitted(self)
        labels = self._labels(X)
        rows = []
        for batch in sorted(set(labels)):
            action, note = self._action(batch, int((labels == batch).sum()))
            seen = batch in self.batches_
            rows.append(
                {"batch": batch, "patients": int((labels == batch).sum()), "in_training": seen, "action": action}
                | {"note": note}
            )
        return pd.DataFrame(rows)

    def get_feature_names_out(self, input_features=None):
        """Names of the features, without the metadata columns."""
        check_is_fitted(self)
        return np.asarray(self.features_, dtype=object)

    def _check_settings(self):
        for name, allowed in (("prior", PRIORS), ("unseen", UNSEEN), ("lone_patient", LONE)):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} of ComBat is {value!r}: use one of {', '.join(allowed)}.")

    def _labels(self, X):
        """Batch of every patient of a table as text."""
        for name in (self.batch, *self.covariates):
            if metadata_column(name) not in X.columns:
                raise ValueError(
                    f"ComBat needs the column {metadata_column(name)}, which the table of features lacks. Add {name} "
                    "of every patient to it."
                )
        labels = X[metadata_column(self.batch)]
        if labels.isna().any():
            missing = ", ".join(map(str, X.index[labels.isna()][:5]))
            raise ValueError(f"{self.batch} is missing for patient {missing}: ComBat needs the batch of every patient.")
        return labels.astype(str).to_numpy()

    def _check_reference(self, labels):
        if self.reference is not None and self.reference not in self.batches_:
            raise ValueError(
                f"the reference batch {self.reference} of ComBat has no training patient; batches are "
                f"{', '.join(self.batches_)}."
            )
        if len(self.batches_) == 1:
            self.notes_.append(f"all {len(labels)} training patients are of one batch: nothing was harmonised")

    def _with_scale(self, lone):
        """Batches whose scale is adjusted."""
        for batch in np.array(self.batches_)[lone]:
            self.notes_.append(f"batch {batch} has one patient: its scale was not adjusted")
        if self.mean_only or (lone.any() and self.lone_patient == "all_mean_only"):
            return np.zeros(len(lone), dtype=bool)
        return ~lone

    def _columns(self):
        """Positions of the adjusted features."""
        return np.array([i for i, name in enumerate(self.features_) if name not in self.untouched_], dtype=int)

    def _learn_covariates(self, X):
        """Levels or mean of every covariate, and which of its columns can be told from the batches."""
        self.levels_ = {}
        for name in self.covariates:
            values = X[metadata_column(name)]
            if not pd.api.types.is_numeric_dtype(values):
                self.levels_[name] = sorted(values.dropna().astype(str).unique())
        columns = self._all_covariate_columns(X)
        self.covariate_means_ = np.array([np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in columns.to_numpy().T])
        missing = columns.columns[columns.isna().any()]
        self.notes_ += [f"covariate {name} is missing for some patients: its mean stands in" for name in missing]
        filled = columns.fillna(dict(zip(columns.columns, self.covariate_means_, strict=True))).to_numpy(dtype=float)
        batch = pd.get_dummies(X[metadata_column(self.batch)].astype(str)).to_numpy(dtype=float)
        self.covariates_kept_ = independent_columns(batch, filled)
        dropped = columns.columns[[i for i in range(columns.shape[1]) if i not in set(self.covariates_kept_)]]
        self.notes_ += [f"covariate {name} cannot be told from the batches: it was not preserved" for name in dropped]

    def _all_covariate_columns(self, X):
        """Numbers as they are, categories as one column for each level but the first; unknown values are NaN."""
        columns = {}
        for name in self.covariates:
            values = X[metadata_column(name)]
            if name not in self.levels_:
                columns[name] = values.astype(float)
                continue
            known = values.notna() & values.astype(str).isin(self.levels_[name])
            for level in self.levels_[name][1:]:
                columns[f"{name}={level}"] = (values.astype(str) == level).astype(float).where(known)
        return pd.DataFrame(columns, index=X.index)

    def _covariate_columns(self, X):
        """Columns that are preserved, (patients, columns); a value that training does not know counts as the mean."""
        columns = self._all_covariate_columns(X).to_numpy(dtype=float).reshape(len(X), -1)
        columns = np.where(np.isfinite(columns), columns, self.covariate_means_)
        return columns[:, self.covariates_kept_]

    def _estimate(self, values, members, scaled, covariates):
        """Fit mean, covariates and residual deviation of every feature, then the effects of the batches."""
        reference = None if self.reference is None else self.batches_.index(self.reference)
        weights = members.mean(axis=1) if reference is None else np.eye(len(members))[reference]
        rows = slice(None) if reference is None else members[reference]
        location = in_blocks(lambda columns: _location(columns, members, covariates, weights, rows), values)
        self.mean_, self.deviation_, self.covariate_effects_ = location[0], location[1], location[2:]
        prior = self.prior if values.shape[1] > 1 else "none"
        if prior != self.prior:
            self.notes_.append("fewer than two features can be adjusted: their effects were not shrunk")
        self.location_, self.scale_ = np.zeros((2, len(members), values.shape[1]))
        self.scale_ += 1
        self.prior_used_ = prior
        for number, rows in enumerate(members):
            if number != reference and len(members) > 1 and values.shape[1]:
                standard = (values[rows] - self.mean_ - covariates[rows] @ self.covariate_effects_) / self.deviation_
                effect = batch_effect(standard, prior=prior, with_scale=bool(scaled[number]))
                self.location_[number], self.scale_[number] = effect.location, effect.scale

    def _action(self, batch, patients):
        """What is done to a batch of so many patients, and why."""
        if batch == self.reference:
            return "unchanged", "reference batch"
        if batch in self.batches_:
            return ("unchanged", "only batch of the training") if len(self.batches_) == 1 else ("fitted", "")
        if self.unseen == "estimate" and patients >= self.fewest_unseen:
            return "estimated", f"not in the training: estimated from its own {patients} patients, without outcomes"
        if self.unseen == "estimate":
            return "left", f"not in the training and fewer than {self.fewest_unseen} patients: left as it is"
        return "left", "not in the training: left as it is"

    def _effect(self, batch, standard):
        """Effect of a batch; None where it stays as it is."""
        action, _ = self._action(batch, len(standard))
        if action == "fitted":
            number = self.batches_.index(batch)
            return BatchEffect(self.location_[number], self.scale_[number])
        if action != "estimated" or standard.shape[1] == 0:
            return None
        return unseen_effect(standard, prior=self.prior_used_, with_scale=not self.mean_only)


def _location(values, members, covariates, weights, rows):
    """Mean, residual deviation (of some rows) and effects of covariates of every feature, as rows of one array."""
    batch_means, effects = batch_regression(values, members, covariates)
    residual = values - members.T @ batch_means - covariates @ effects
    return np.vstack([weights @ batch_means, np.sqrt(np.nanmean(residual[rows] ** 2, axis=0)), effects])


def untouched_features(values, members, lone, *, names):
    """Return the features that cannot be adjusted, with the reason.

    Parameters
    ----------
    values : ndarray, shape (patients, features)
    members : ndarray of bool, shape (batches, patients)
    lone : ndarray of bool, shape (batches,)
        Batches of a single patient, in which every feature is constant.

    Returns
    -------
    dict
        Name to reason.
    """
    reasons = {}
    for rows, single in zip(members, lone, strict=True):
        known = np.isfinite(values[rows])
        low, high = (
            np.where(known, values[rows], np.inf).min(axis=0),
            np.where(known, values[rows], -np.inf).max(axis=0),
        )
        absent = ~known.any(axis=0)
        constant = ~absent & (high <= low) & (not single)
        reasons |= {names[i]: "missing in all patients of a training batch" for i in np.flatnonzero(absent)}
        reasons |= {names[i]: "constant within a training batch" for i in np.flatnonzero(constant)}
    return reasons
