"""Recurrent networks as scikit-learn's estimators: RNNClassifier and RNNRegressor.

    >>> from fastrnn.sklearn import RNNClassifier
    >>> RNNClassifier("gru", hidden_size=4).fit(X, y).predict_proba(X)

X is a list of arrays (steps, inputs), of any lengths; or an array (sequences, steps, inputs); or (sequences, steps) for
one input. y has one target for each sequence, which is predicted from its last step, or one for each step.
"""

from fastrnn.program import install

try:
    from fastrnn.sklearn.estimators import RNNClassifier, RNNRegressor
except ModuleNotFoundError as error:
    raise ImportError(f"fastrnn.sklearn: scikit-learn is missing ({error}): {install('scikit-learn')}") from error

__all__ = ["RNNClassifier", "RNNRegressor"]
