"""The sections of the suite, in the order in which they run."""

from bench import answer, compare, compiling, gpu, limits, roofline, scaling, wholes

SECTIONS = {
    section.name: section
    for section in (
        compare.LADDER,
        compare.SHAPES_SECTION,
        scaling.SECTION,
        roofline.SECTION,
        answer.SECTION,
        compiling.SECTION,
        limits.SECTION,
        gpu.SECTION,
        *wholes.WHOLES,
    )
}
