"""The phases of a run, in order."""

BASELINE = "baseline"
METHOD = "method"
RECOVERY = "recovery"
VERIFICATION = "verification"
UNDO = "undo"
AFTER_CHECK = "after-check"
