"""The functions that formulas may contain."""

from fastrnn.arguments import shown
from fastrnn.formula.graph import Expr, lift, node


def sigmoid(x):
    """Return 1 / (1 + exp(-x)).

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("sigmoid", lift(x))


def tanh(x):
    """Return (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("tanh", lift(x))


def exp(x):
    """Return e to the power of x.

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("exp", lift(x))


def log(x):
    """Return the natural logarithm of x, for x > 0.

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("log", lift(x))


def softplus(x):
    """Return log(1 + exp(x)).

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("softplus", lift(x))


def square_root(x):
    """Return the square root of x, for x >= 0.

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("square_root", lift(x))


def greater(a, b):
    """Return the condition a > b, for `where`.

    Parameters
    ----------
    a, b : Expr or float
        The arguments.

    Returns
    -------
    Expr
    """
    return node(">", lift(a), lift(b))


def where(condition, a, b):
    """Return a where a condition holds, else b.

    Parameters
    ----------
    condition : Expr
        Made by `greater`.
    a, b : Expr or float
        The two values.

    Returns
    -------
    Expr

    Raises
    ------
    TypeError
        For another condition.
    """
    if not (isinstance(condition, Expr) and condition.op == ">"):
        raise TypeError(f"where: got {shown(condition)} as its condition, expected greater(a, b)")
    return node("where", condition, lift(a), lift(b))


def maximum(a, b):
    """Return the larger of a and b; b where either is not a number.

    Parameters
    ----------
    a, b : Expr or float
        The arguments.

    Returns
    -------
    Expr
    """
    return where(greater(a, b), a, b)


def relu(x):
    """Return max(x, 0); a NaN stays NaN, so that a diverged network is noticed.

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("relu", lift(x))


def detach(x):
    """Return x, which derivatives regard as a constant.

    Parameters
    ----------
    x : Expr or float
        The argument.

    Returns
    -------
    Expr
    """
    return node("detach", lift(x))
