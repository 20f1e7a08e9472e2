"""Philox4x64-10: random words as a function of (key, counter), as LLVM's instructions.

J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. The words are those of
`numpy.random.Philox(key=[seed, stream], counter=[0, c1, c2, c3]).random_raw(n)`.
"""

from llvmlite import ir

from fastrnn.simd.emit import counting_loop

_WORD, _WIDE = ir.IntType(64), ir.IntType(128)
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B


def emit_random_words(builder, key, counter, words, count):
    """Fill `count` words from a pointer on; key: seed and stream, counter: c1, c2 and c3, all of them registers."""
    builder.call(_function(builder.module), [*key, *counter, words, count])


def _function(module):
    """The function (seed, stream, c1, c2, c3, pointer to words, their number) of a module, which is added once."""
    name = "fastrnn_philox"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(ir.VoidType(), [_WORD] * 5 + [_WORD.as_pointer(), _WORD])
    function = ir.Function(module, kind, name)
    function.linkage = "linkonce_odr"
    builder = ir.IRBuilder(function.append_basic_block())
    seed, stream, c1, c2, c3, words, count = function.args
    blocks = builder.udiv(count, _WORD(4))
    pairs = builder.and_(blocks, _WORD(2**64 - 2))

    def made(block, how_many):
        counters = [[builder.add(block, _WORD(i + 1)), c1, c2, c3] for i in range(how_many)]
        return _rounds(builder, counters, [seed, stream])

    def put(block, numbers, most=None):
        first = builder.mul(block, _WORD(4))
        for i, number in enumerate(numbers):
            place = builder.add(first, _WORD(i))
            if most is None:
                builder.store(number, builder.gep(words, [place]))
            else:
                with builder.if_then(builder.icmp_unsigned("<", place, most)):
                    builder.store(number, builder.gep(words, [place]))

    # Two blocks side by side: each round waits for the product of the one before it.
    with counting_loop(builder, pairs, _WORD(0), _WORD(2)) as (block, _):
        put(block, [number for each in made(block, 2) for number in each])
    whole = builder.udiv(builder.add(count, _WORD(3)), _WORD(4))
    with counting_loop(builder, whole, pairs, _WORD(1)) as (block, _):
        put(block, made(block, 1)[0], count)
    builder.ret_void()
    return function


def _rounds(builder, counters, key):
    """The words of blocks with these counters, each of four."""
    for round_ in range(10):
        if round_:
            key = [builder.add(word, _WORD(weyl)) for word, weyl in zip(key, _WEYL)]
        counters = [_round(builder, counter, key) for counter in counters]
    return counters


def _round(builder, counter, key):
    wide = [builder.zext(word, _WIDE) for word in counter[::2]]
    products = [builder.mul(word, _WIDE(multiplier)) for word, multiplier in zip(wide, _MULTIPLIERS)]
    low = [builder.trunc(product, _WORD) for product in products]
    high = [builder.trunc(builder.lshr(product, _WIDE(64)), _WORD) for product in products]
    first, second = (builder.xor(builder.xor(high[1 - i], counter[2 * i + 1]), key[i]) for i in (0, 1))
    return [first, low[1], second, low[0]]
