"""What `make mutants` changes, and that it finds again what is named as equivalent."""

from __future__ import annotations

import libcst as cst
import pytest

from tests.mutants import changes, run
from tests.mutants.mutant import Equivalent, Mutant, first_line

MODULE = '''
"""A module."""


# whether it is torn
def is_torn(data):
    return not data.endswith(b"\\n")


class Log:
    def is_torn(self):
        if self.data:
            os.fsync(self.file)
        return max(1, 2)

    @property
    def size(self):
        return 1
'''


DECORATED = """
class Log:
    @one
    @two(3)
    def size(self):
        return 1

    @classmethod
    def of(cls): ...
"""
UNDECORATED = """
class Log:
    # decorated
    # decorated
    def size(self):
        return 1
    size = one(two(3)(size))

    @classmethod
    def of(cls): ...
"""
DIFF = """--- x
+++ x
@@ -1,4 +1,4 @@
 def is_torn(self):
     if self.data:
-        os.fsync(self.file)
+        pass
"""


def changed(statement: str) -> list[str]:
    """What becomes of a statement by the changes that mutmut does not make itself."""
    module = cst.parse_module(statement)
    found: list[str] = []

    class Visitor(cst.CSTVisitor):
        def on_visit(self, node: cst.CSTNode) -> bool:
            for kinds, operator in changes.OPERATORS:
                if isinstance(node, kinds):
                    found.extend(module.deep_replace(node, new).code for new in operator(node))
            return True

    module.visit(Visitor())
    return found


@pytest.mark.parametrize(
    ("statement", "mutants"),
    [
        ("os.fsync(file)\n", ["pass\n"]),
        ("x = os.open(file)\n", []),
        ('"""Words."""\n', []),
        ("raise ValueError\n", ["pass\n"]),
        ("if torn: y\n", ["if not (torn): y\n"]),
        ("if self.torn: y\n", ["if not (self.torn): y\n"]),
        ("if f(x): y\n", ["if not (f(x)): y\n"]),
        ("if a < b: y\n", []),
        ("while True: y\n", []),
        ("[x for x in y if x]\n", ["[x for x in y if not (x)]\n"]),
        ("z = 1 if x else 2\n", ["z = 1 if not (x) else 2\n"]),
        ("z = max(a, b)\n", ["z = min(a, b)\n"]),
        ("z = any(a)\n", ["z = all(a)\n"]),
    ],
)
def test_what_mutmut_leaves_alone_is_changed_too(statement: str, mutants: list[str]) -> None:
    assert changed(statement) == mutants


def test_a_decorator_is_written_as_a_call_and_every_line_stays_where_it_was() -> None:
    assert changes.undecorated(DECORATED) == UNDECORATED


@pytest.mark.parametrize(("function", "line"), [("is_torn", 5), ("Log.is_torn", 11), ("Log.size", 16)])
def test_a_function_is_found_by_its_name_with_what_stands_above_it(function: str, line: int) -> None:
    assert first_line(MODULE, function) == line


def test_a_mutant_says_where_it_is_and_what_it_changes() -> None:
    mutant = Mutant.of_diff("gameday/x.py", MODULE, "Log.is_torn", "survived", DIFF)
    assert str(mutant) == ("gameday/x.py:13 Log.is_torn: survived\n    - os.fsync(self.file)\n    + pass")
    assert not mutant.is_killed


def test_an_equivalent_mutant_is_found_by_its_text_whatever_its_line_and_its_blanks() -> None:
    named = Equivalent("gameday/x.py", "f", "a =  f(\n  b)", "", "why")
    assert named.is_this(Mutant("gameday/x.py", 7, "f", "a = f(\nb)", "", "survived"))
    assert not named.is_this(Mutant("gameday/x.py", 7, "g", "a = f(\nb)", "", "survived"))
    assert not named.is_this(Mutant("gameday/x.py", 7, "f", "a = f(\nb)", "pass", "survived"))


def test_the_line_of_the_configuration_that_fits_best_counts() -> None:
    tests = {
        "gameday/*.py": ["all"],
        "gameday/measure/*.py": ["measure"],
        "gameday/measure/loss.py": ["loss"],
    }
    assert run.tests_of("gameday/measure/loss.py", tests) == ["loss"]
    assert run.tests_of("gameday/measure/sli.py", tests) == ["measure"]
    assert "gameday/measure/loss.py" in run.found(tests) and "gameday/measure/__init__.py" not in run.found(
        tests
    )


def test_every_equivalent_mutant_has_a_reason_and_a_function_that_there_is() -> None:
    for named in run.equivalents():
        assert named.reason.endswith(".")
        assert first_line((run.ROOT / named.module).read_text(), named.function)
