"""Rows of the table for habitats, feature selection and penalised models."""

from harness import Comparison  # isort: skip  sets threads before numpy is imported

import numpy as np
import pandas as pd
from bootstrap_chain import CHAINS, RESAMPLING, radiomics_like_cohort
from habitat_fits import AS_THEY_ARE, VOXELS, three_tissues
from scipy import stats

from habitat_radiomics.cox_univariable import univariable_cox
from habitat_radiomics.habitat_count import count_curve
from habitat_radiomics.lasso import cross_validate_path, stratified_folds
from habitat_radiomics.lasso_cox import cross_validate_cox_path, stratified_cox_folds
from habitat_radiomics.model import build_model
from habitat_radiomics.rank_sum import mann_whitney
from habitat_radiomics.reliability import icc
from habitat_radiomics.resampling import bootstrap_chunk
from habitat_radiomics.selection import uncorrelated
from habitat_radiomics.signature import build_signature
from habitat_radiomics.survival_outcome import as_outcome

PATIENTS, MANY, PENALTIES, FOLDS = 150, 10_000, 50, 10


def largest(theirs, ours, *, of):
    """Words for the largest difference between two arrays."""
    return f"{of} at most {np.nanmax(np.abs(np.asarray(theirs) - np.asarray(ours))):.0e}"


def many_features(features=MANY, *, seed=0):
    """Patients x features in correlated families, half of them skewed."""
    generator = np.random.default_rng(seed)
    family = generator.normal(size=(PATIENTS, features // 20))
    X = family[:, np.arange(features) % family.shape[1]] + 0.6 * generator.normal(size=(PATIENTS, features))
    X[:, ::2] = np.exp(X[:, ::2])
    return X


def follow_up(X, *, seed=1):
    """Times and events, a third censored, that follow the first feature."""
    generator = np.random.default_rng(seed)
    time = generator.exponential(np.exp(-0.7 * stats.zscore(X[:, 0])))
    return pd.DataFrame({"time": np.round(24 * time, 1) + 0.1, "event": (generator.random(len(X)) > 0.33).astype(int)})


def habitat_number():
    from sklearn.mixture import GaussianMixture

    points = three_tissues(VOXELS, 1)

    def theirs():
        values = {k: GaussianMixture(k, random_state=0).fit(points).bic(points) for k in range(1, 9)}
        return min(values, key=values.get)

    def ours():
        curve = count_curve({"P1": points}, AS_THEY_ARE)
        return int(curve.loc[curve["chosen"], "k"].iloc[0])

    return Comparison(
        step=f"number of habitats, BIC of mixtures of 1 to 8, {VOXELS:,} voxels of one sequence",
        library="scikit-learn",
        theirs=theirs,
        ours=ours,
        differ=lambda theirs, ours: f"k = {theirs} and {ours}",
        goal_s=0.02,
        warm=lambda: count_curve({"P1": points[:500]}, AS_THEY_ARE),
    )


def lasso_logistic():
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import PredefinedSplit

    table, _, outcome = radiomics_like_cohort()
    X, y = stats.zscore(table.to_numpy()), outcome.to_numpy()
    folds = stratified_folds(y, folds=FOLDS, seed=1)
    few = cross_validate_path(X[:, :50], y, folds, n_penalties=PENALTIES)
    penalties = cross_validate_path(X, y, folds, n_penalties=PENALTIES).path.penalties

    def theirs():
        model = LogisticRegressionCV(
            Cs=1 / (PATIENTS * penalties),
            l1_ratios=(1,),
            solver="liblinear",
            scoring="neg_log_loss",
            cv=PredefinedSplit(folds),
            use_legacy_attributes=False,
            random_state=0,
        )
        return 1 / (PATIENTS * float(model.fit(X, y).C_))

    return Comparison(
        step=f"LASSO-logistic, {PENALTIES} penalties x {FOLDS} folds, {PATIENTS} x {X.shape[1]}",
        library="scikit-learn, liblinear",
        theirs=theirs,
        ours=lambda: cross_validate_path(X, y, folds, penalties=penalties).penalty_min,
        differ=lambda theirs, ours: f"penalty chosen {theirs:.4f} and {ours:.4f} (liblinear penalises the intercept)",
        goal_s=0.3,
        rounds=1,
        warm=lambda: few,
    )


def lasso_cox():
    table, _, _ = radiomics_like_cohort()
    X = stats.zscore(table.to_numpy())
    y = as_outcome(follow_up(X))
    folds = stratified_cox_folds(y, folds=FOLDS, seed=1)
    return Comparison(
        step=f"LASSO-Cox, {PENALTIES} penalties x {FOLDS} folds, {PATIENTS} x {X.shape[1]}",
        library="not installed (scikit-survival is GPL-3; 9 s by GridSearchCV)",
        theirs=None,
        ours=lambda: cross_validate_cox_path(X, y, folds, n_penalties=PENALTIES).penalty_min,
        differ=lambda _, ours: f"penalty chosen {ours:.4f}; coefficients meet the oracle of glmnet (tests)",
        goal_s=0.6,
        warm=lambda: cross_validate_cox_path(X[:, :50], y, folds, n_penalties=PENALTIES),
    )


def correlation_filter():
    X = many_features()

    def theirs():
        correlated = pd.DataFrame(X).corr().abs().to_numpy() > 0.85
        dropped = np.zeros(MANY, dtype=bool)
        for column in range(MANY):
            if not dropped[column]:
                dropped[column + 1 :] |= correlated[column, column + 1 :]
        return np.flatnonzero(~dropped)

    return Comparison(
        step=f"correlation filter, {PATIENTS} x {MANY}",
        library="pandas",
        theirs=theirs,
        ours=lambda: uncorrelated(X, 0.85),
        differ=lambda theirs, ours: f"{len(theirs)} and {len(ours)} kept, {len(np.setxor1d(theirs, ours))} differ",
        goal_s=0.3,
        rounds=1,
    )


def rank_sum():
    X = many_features()
    first, second = X[::2], X[1::2]

    def theirs():
        return [stats.mannwhitneyu(a, b, method="asymptotic").pvalue for a, b in zip(first.T, second.T, strict=True)]

    return Comparison(
        step=f"Mann-Whitney U, {PATIENTS} x {MANY}",
        library="scipy, a call per feature",
        theirs=theirs,
        ours=lambda: mann_whitney(first, second),
        differ=lambda theirs, ours: largest(theirs, ours, of="p"),
        goal_s=0.05,
    )


def intraclass_correlation():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(40, 1, 5_000))
    ratings = truth + 0.4 * generator.normal(size=(40, 2, 5_000))
    measured = 50

    def theirs():
        return [two_way_icc(ratings[:, :, feature]) for feature in range(measured)]

    return Comparison(
        step="ICC(2,1), 40 patients x 2 readers x 5,000",
        library="statsmodels, a two-way analysis of variance per feature",
        theirs=theirs,
        ours=lambda: icc(ratings, form="ICC(2,1)").estimate,
        differ=lambda theirs, ours: largest(theirs, ours[:measured], of="ICC"),
        goal_s=0.01,
        share=measured / 5_000,
        rounds=3,
    )


def two_way_icc(ratings):
    """ICC(2,1) of one feature, from mean squares."""
    import statsmodels.formula.api as formulas
    from statsmodels.stats.anova import anova_lm

    n, k = ratings.shape
    patient, reader = (index.ravel() for index in np.indices(ratings.shape))
    data = pd.DataFrame({"value": ratings.ravel(), "patient": patient, "reader": reader})
    table = anova_lm(formulas.ols("value ~ C(patient) + C(reader)", data).fit())
    targets, raters, error = table["mean_sq"].to_numpy()
    return (targets - error) / (targets + (k - 1) * error + k * (raters - error) / n)


def cox_univariable():
    from lifelines import CoxPHFitter

    X = stats.zscore(many_features())
    outcome = follow_up(X)
    measured = 100

    def theirs():
        found = []
        for feature in range(measured):
            fitted = CoxPHFitter().fit(outcome.assign(x=X[:, feature]), "time", "event")
            found.append(fitted.params_.iloc[0])
        return found

    return Comparison(
        step=f"univariable Cox, {PATIENTS} x {MANY}",
        library="lifelines, a fit per feature",
        theirs=theirs,
        ours=lambda: univariable_cox(X, outcome)["coefficient"].to_numpy(),
        differ=lambda theirs, ours: largest(theirs, ours[:measured], of="coefficient"),
        goal_s=0.5,
        share=measured / MANY,
        warm=lambda: univariable_cox(X[:, :5], outcome),
    )


def bootstraps_logistic():
    """Selection, LASSO and logistic model repeated in every resample; theirs is one resample by the usual calls."""
    features, clinical, outcome = radiomics_like_cohort()
    return _bootstraps(
        CHAINS["t_or_u"],
        (features, clinical, outcome),
        estimator="logistic",
        goal_s=300,
        library="scipy, pandas and scikit-learn, one resample",
        theirs=lambda: usual_chain(features.to_numpy(), outcome.to_numpy()),
    )


def bootstraps_cox():
    """The same of a Cox model."""
    features, clinical, _ = radiomics_like_cohort()
    outcome = follow_up(features.to_numpy()).set_index(features.index)
    return _bootstraps(
        COX_CHAIN,
        (features, clinical, outcome),
        estimator="cox",
        goal_s=900,
        library="not installed (scikit-survival is GPL-3; about 12 h)",
    )


COX_CHAIN = [{"complete": {}}, {"zscore": {}}, {"univariable_cox": {}}, {"correlation": {}}, {"cox_lasso": {}}]
REPLICATES, MEASURED = 1000, 10


def _bootstraps(steps, cohort, *, estimator, goal_s, library, theirs=None):
    features, clinical, outcome = cohort
    survival = estimator == "cox"
    signatures = {"rad_score": (build_signature(steps, seed=1, survival=survival), list(features.columns))}
    horizons = [float(outcome["time"].median())] if survival else []
    model = build_model(
        signatures=["rad_score"], variables={"age": {"type": "number"}}, estimator=estimator, horizons=horizons
    )
    data = {"features": features, "clinical": clinical, "outcome": outcome, "scores": "apparent", **RESAMPLING}

    def selected(chunk):
        return f"on average {len(chunk.selected) / MEASURED:.0f} features in the score"

    return Comparison(
        step=f"{REPLICATES} bootstraps of the whole chain, {estimator}, {len(features)} x {features.shape[1]}",
        library=library,
        theirs=theirs,
        ours=lambda: bootstrap_chunk(signatures, model, replicates=range(1, MEASURED + 1), **data),
        differ=lambda _, ours: selected(ours),
        goal_s=goal_s,
        share=1 / REPLICATES if theirs else 1.0,
        our_share=MEASURED / REPLICATES,
        rounds=1,
        warm=lambda: bootstrap_chunk(signatures, model, replicates=[0], **data),
    )


def usual_chain(X, y, *, seed=0):
    """One resample by one call per feature, a correlation matrix and a cross-validated LASSO."""
    from sklearn.linear_model import LogisticRegressionCV

    drawn = np.random.default_rng(seed).integers(0, len(y), len(y))
    X, y = stats.zscore(X[drawn]), y[drawn]
    p = [_usual_test(column[y == 0], column[y == 1]) for column in X.T]
    table = pd.DataFrame(X[:, np.array(p) < 0.05])
    correlated = np.triu(table.corr().abs().to_numpy() > 0.85, 1).any(axis=0)
    X = table.to_numpy()[:, ~correlated]
    model = LogisticRegressionCV(
        Cs=PENALTIES,
        l1_ratios=(1,),
        solver="liblinear",
        scoring="neg_log_loss",
        cv=FOLDS,
        use_legacy_attributes=False,
        random_state=0,
    )
    return model.fit(X, y).coef_


def _usual_test(first, second):
    if min(stats.shapiro(first).pvalue, stats.shapiro(second).pvalue) > 0.05:
        return stats.ttest_ind(first, second).pvalue
    return stats.mannwhitneyu(first, second).pvalue


ROWS = [
    bootstraps_logistic,
    bootstraps_cox,
    habitat_number,
    lasso_logistic,
    lasso_cox,
    correlation_filter,
    rank_sum,
    intraclass_correlation,
    cox_univariable,
]
