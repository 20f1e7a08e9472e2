"""exp, log, sigmoid and tanh on SIMD vectors, as polynomials with a stated error bound.

LLVM has no vector mathematics: its exp of a vector is one scalar call a lane. Here exp(x) = 2**n * p(r) with n =
round(x / ln 2), r = x - n ln 2, and p the minimax polynomial of exp on |r| <= ln 2 / 2 (Remez exchange; J.-M. Muller,
"Elementary Functions", 3rd ed., ch. 3 and 11). Where AVX-512 can look lanes up in a register, sigmoid and tanh take 16
powers from there and a short polynomial between them. All functions keep a NaN a NaN; sigmoid only one whose low bits
are 0, as in every NaN that arithmetic makes.

Largest errors with a fused multiply-add, measured over every float32 where they are large, every 13th of the
others, and 20 million float64; the tests repeat it over every 997th and 4 million. "mixed" is
|error| / max(1, |f(x)|).

    function   float32             float64
    exp        4.3e-7 relative     1.6e-16 relative    |x| <= 87, |x| <= 708; beyond, the value there
    log        1.1e-7 mixed        2.3e-16 mixed       positive normal numbers and infinity
    sigmoid    1.1e-7 absolute     1.7e-16 absolute    9.8e-8 in float32 without AVX-512
    tanh       1.5e-7 absolute     2.8e-16 absolute
    softplus   1.9e-7 mixed        2.9e-16 mixed
"""

import numpy as np

from fastrnn.simd.host import has
from fastrnn.simd.pointwise import clamp, divide, fma, pick, select

LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has so few bits that n * LN2_HIGH is exact (Cody and Waite, 1980).
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
LN2 = 0.6931471805599453

# Adding 1.5 * 2**(mantissa bits) rounds a float to an integer and leaves it in the low bits.
ROUND_32, ROUND_64 = 1.5 * 2**23, 1.5 * 2**52

# Where the lanes of one or two registers can be looked up by other lanes in one instruction: 2**(j / 16), and
# (2**(f / 16) - 1) / f for |f| <= 1 / 2 as a polynomial through Chebyshev's points; tanh, which keeps the digits of
# small numbers, takes one degree more than sigmoid.
BY_TABLE = has("avx512f")
TABLE_STEPS = 16
STEP = LN2 / TABLE_STEPS
TABLE_SIGMOID = (0.04332169878499661, 0.0009383847928089873, 1.355080777749983e-05, 1.4676100321837672e-07,
                 1.2716085030349987e-09, 9.181334960907254e-12)  # 1.5e-17 of 2**(f / 16)
# In float32, of 32 powers: 2**(f / 32) = A * ((f + 46)**2 + B), with an error of 1.3e-7 of itself, as
# 32 / ln 2 = 46.17: a square saves two instructions of a polynomial, and f + 46 needs none.
SQUARE_STEPS, SQUARE_SHIFT, SQUARE_A, SQUARE_B = 32, 46, 2.354486486477e-4, 2131.210265590493
TABLE_TANH = {
    False: (STEP, STEP**2 / 2, STEP**3 / 6),
    True: (
        0.04332169878499658,
        0.0009383847928089877,
        1.3550807779497459e-05,
        1.4676100321236697e-07,
        1.2715871949748146e-09,
        9.181354192172116e-12,
        5.682150925281207e-14,
    ),
}  # 1e-8 and 3.6e-17 of itself


def _powers(dtype, integer, shift, steps=TABLE_STEPS, scale=1.0):
    """Return scale * 2**(j / steps) as float bits less j << shift, as floats; adding n << shift, n = steps k + j, adds
    k to the exponent and cancels the subtracted j."""
    j = np.arange(steps, dtype=integer)
    return ((scale * 2 ** (j / steps)).astype(dtype).view(integer) - (j << shift)).view(dtype).tolist()


POWERS = {False: (_powers(np.float32, np.int32, 19), 19), True: (_powers(np.float64, np.int64, 48), 48)}
SQUARE_POWERS = _powers(np.float32, np.int32, 18, SQUARE_STEPS, SQUARE_A), 18

# Minimax polynomials by the Remez exchange algorithm, lowest power first.
EXP_32 = (1.000000071866365, 0.9999996910697202, 0.4999889266128463, 0.16667576543075593, 0.041915629246886896,
          0.008297619378874311)  # relative error 7.5e-8
EXP_64 = (1.0, 1.0, 0.5000000000000018, 0.16666666666666166, 0.041666666666492075, 0.008333333333560176,
          0.001388888895141027, 0.0001984126943145065, 2.4801486320566664e-05, 2.7557623140145747e-06,
          2.763236802746315e-07, 2.4994246136424405e-08)  # 3.1e-18
# (exp(r) - 1) / r
EXPM1_32 = (1.0000000106597728, 0.4999999811918062, 0.16666505898998926, 0.04166713714349394, 0.008369104293501508,
            0.0013888873093686359)  # 1.1e-8
EXPM1_64 = (1.0, 0.5, 0.1666666666666668, 0.04166666666666649, 0.008333333333319646, 0.001388888888896544,
            0.00019841269889960897, 2.4801587172101053e-05, 2.7557240983146568e-06, 2.755740005787417e-07,
            2.5110021922891045e-08, 2.0876748619701745e-09)  # 2.4e-19
# (artanh(s) / s - 1) / s**2 as a polynomial in s**2
ARTANH_32 = (0.33333342775113695, 0.19994301889751476, 0.14793618172584858)  # 9.4e-8
ARTANH_64 = (0.3333333333333335, 0.1999999999994769, 0.1428571431389127, 0.11111105424053154, 0.09091454760949462,
             0.07665528605242057, 0.07312259594071209)  # 1.6e-16


def polynomial(coefficients, x):
    """Horner's rule."""
    value = x.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = fma(value, x, coefficient)
    return value


def _split(x, sign=1):
    """Return (n in the low bits of a float, sign * r) for sign * x = n ln 2 + r. |x| is small enough for 2**n to be a
    normal number."""
    magic = ROUND_64 if x.double else ROUND_32
    shifted = fma(x, sign * LOG2_E, magic)
    n = shifted - magic
    if x.double:
        return shifted, fma(n, -sign * LN2_LOW, fma(n, -sign * LN2_HIGH, x))
    return shifted, fma(n, -sign * LN2, x)  # the rounding of ln 2 costs n * 2e-9, below the polynomial's error


def _power(shifted):
    """Return 2**n, n being the low bits of `shifted`: one shift and one integer addition.

    Multiply by it; to add n to the exponent of another value saves nothing, and would turn a NaN that has
    its low bits set, as R's NA has, into a number.
    """
    bits = shifted.builder.shl(shifted.bits(), shifted.integer(52 if shifted.double else 23))
    return shifted.from_bits(shifted.builder.add(shifted.constant(1.0).bits(), bits))


def _raise(value, shifted):
    """Return value * 2**n by adding n to the exponent, which leaves the multipliers free and saves a twentieth of
    training time.

    Every NaN that arithmetic makes stays one; a NaN with its low bits set, made by hand, may not.
    """
    bits = value.builder.shl(shifted.bits(), shifted.integer(52 if value.double else 23))
    return value.from_bits(value.builder.add(value.bits(), bits))


def exp(x):
    limit = 708.0 if x.double else 87.0
    shifted, r = _split(clamp(x, -limit, limit))
    return polynomial(EXP_64 if x.double else EXP_32, r) * _power(shifted)


def sigmoid(x):
    """Return 1 / (1 + exp(-x)); the sign is part of the constants, which saves one instruction per vector."""
    if BY_TABLE and not x.double:
        return _sigmoid_by_squares(x)
    x = clamp(x, -708.0, 708.0) if x.double else clamp(x, -87.0, 87.0)
    if BY_TABLE:
        return _sigmoid_by_table(x)
    shifted, minus_r = _split(x, sign=-1)
    signed = [c if power % 2 == 0 else -c for power, c in enumerate(EXP_64 if x.double else EXP_32)]
    return divide(1, 1 + _raise(polynomial(signed, minus_r), shifted))


def _sigmoid_by_table(x):
    """exp(-x) = 2**(n / 16) * 2**(f / 16): n's low bits choose one of 16 powers in a register, the others go into the
    exponent.

    That f loses the rounding of 16 / ln 2 times n shows only where the sigmoid is flat.
    """
    f, power = _table(x, -TABLE_STEPS * LOG2_E)
    return divide(1, 1 + fma(power * f, polynomial(TABLE_SIGMOID, f), power))


def _sigmoid_by_squares(x):
    """In float32, 1 / (1 + 2**(n / 32) * A * ((f + 46)**2 + B)): thirteen instructions, a chain of some 45 cycles."""
    # Below the upper end, where the sigmoid is 1, the power times A is a normal number.
    x = clamp(x, -87.0, 76.0)
    scale, (powers, shift) = -SQUARE_STEPS * LOG2_E, SQUARE_POWERS
    shifted = fma(x, scale, ROUND_32)
    moved = fma(x, scale, ROUND_32 + SQUARE_SHIFT - shifted)
    return divide(1, fma(_by_exponent(x, powers, shift, shifted), fma(moved, moved, SQUARE_B), 1.0))


def _table(x, scale):
    """(f, 2**(n / 16)) of scale * x = n + f, |f| <= 1 / 2."""
    magic, (powers, shift) = ROUND_64 if x.double else ROUND_32, POWERS[x.double]
    shifted = fma(x, scale, magic)
    f = fma(x, scale, magic - shifted)
    return f, _by_exponent(x, powers, shift, shifted)


def _by_exponent(x, powers, shift, shifted):
    """The power that the low bits of `shifted` choose, times 2 to the power of the bits above them."""
    bits = shifted.bits()
    return x.from_bits(x.builder.add(pick(x, powers, bits).bits(), x.builder.shl(bits, x.integer(shift))))


def tanh(x):
    """e / (e + 2), e = exp(2 x) - 1 formed without cancellation, so that small x keep their digits."""
    limit = 20.0 if x.double else 9.5
    if BY_TABLE:
        return _tanh_by_table(clamp(x, -limit, limit))
    shifted, r = _split(clamp(x + x, -2 * limit, 2 * limit))
    power = _power(shifted)
    e = fma(power * r, polynomial(EXPM1_64 if x.double else EXPM1_32, r), power - 1)
    return divide(e, e + 2)


def _tanh_by_table(x):
    """From 2 x = (n + f) ln 2 / 16; e + 2 has a sum of its own, which does not take over the rounding of e."""
    f, power = _table(x, 2 * TABLE_STEPS * LOG2_E)
    scaled, slope = power * f, polynomial(TABLE_TANH[x.double], f)
    return divide(fma(scaled, slope, power - 1), fma(scaled, slope, power + 1))


def log(x):
    """n ln 2 + 2 artanh((m - 1) / (m + 1)), x = m 2**n, m within [sqrt(1/2), sqrt(2)]."""
    bits, builder = x.bits(), x.builder
    mantissa_bits = 52 if x.double else 23
    # Subtracting the bits of sqrt(1/2) makes the exponent field count from there.
    root_half = 0x3FE6A09E667F3BCD if x.double else 0x3F3504F3
    distance = builder.sub(bits, x.integer(root_half))
    exponent = builder.ashr(distance, x.integer(mantissa_bits))
    mantissa = x.from_bits(builder.sub(bits, builder.shl(exponent, x.integer(mantissa_bits))))
    n = x.like(builder.sitofp(exponent, x.value.type))
    s = (mantissa - 1) / (mantissa + 1)
    s2 = s * s
    series = fma(s * s2, polynomial(ARTANH_64 if x.double else ARTANH_32, s2), s)
    # Infinity and NaN, whose bits are taken for a number above, are their own logarithms.
    return select(x < float("inf"), fma(n, LN2, series + series), x)


def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), exact for large |x|."""
    magnitude = select(x > 0, x, -x)
    return select(x > 0, x, 0) + log(1 + exp(-magnitude))
