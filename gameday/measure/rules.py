"""The number of the measuring rules: figures may be compared, or measured again, only under the same one.

It goes up with every change that can give another figure, bound or verdict for the same samples.

1: the rules of gameday 0.1 up to its first sealed packs; a plan without a number has these.
2: outages are cut to their core, those that span the fault count, shares are exact.
"""

RULES = 2
FIRST = 1
