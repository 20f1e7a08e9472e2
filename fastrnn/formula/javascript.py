"""The JavaScript syntax of formulas, in double precision, for fastrnn.formula.statements."""

import math

from fastrnn.formula.statements import Language


def javascript_number(value):
    """Return a number in JavaScript, exact to the last bit; in brackets where a minus sign could join another one."""
    value = float(value)
    text = repr(value) if math.isfinite(value) else repr(value).replace("inf", "Infinity").replace("nan", "NaN")
    return f"({text})" if text.startswith("-") else text


JAVASCRIPT = Language(
    {
        # The exponential may be infinite: 1 / Infinity is 0.
        "sigmoid": "1 / (1 + Math.exp(-{}))",
        "tanh": "Math.tanh({})",
        "relu": "{0} < 0 ? 0 : {0}",
        "exp": "Math.exp({})",
        "log": "Math.log({})",
        "softplus": "Math.max({0}, 0) + Math.log1p(Math.exp(-Math.abs({0})))",
        "square_root": "Math.sqrt({})",
    },
    javascript_number,
    ("const", "const"),
)
