"""The number of the measuring rules: figures may be compared, or measured again, only under the same one.

It goes up with every change that can give another figure, bound or verdict for the same samples.

1: the rules of gameday 0.1 up to its first sealed packs; a plan without a number has these.
2: outages are cut to their core, those that span the fault count, shares are exact.
3: SLIs of values that somebody else measures; an RTO may count from a declaration. What rules 2 can measure
   comes out the same.
"""

RULES = 3
FIRST = 1
# under these what they can all measure has the same figures
ALIKE = (2, 3)


def are_alike(first: int, second: int) -> bool:
    """Whether two numbers stand for the same figures, where both can measure."""
    return first == second or (first in ALIKE and second in ALIKE)
