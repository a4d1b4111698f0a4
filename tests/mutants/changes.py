"""What mutmut does not change by itself: whole statements, bare conditions, and functions with decorators."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
MUTMUT_TAKES = {"classmethod", "staticmethod"}
BARE = cst.Name | cst.Attribute | cst.Call | cst.NamedExpr


def without_call(node: cst.Expr) -> Iterator[cst.Pass]:
    """`os.fsync(file)` → `pass`: what is only called for its effect is not called."""
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def without_raise(node: cst.Raise) -> Iterator[cst.Pass]:
    """`raise …` → `pass`."""
    yield cst.Pass()


def negated(node: cst.If | cst.CompIf | cst.While | cst.IfExp) -> Iterator[cst.CSTNode]:
    """`if is_torn` → `if not is_torn`; mutmut turns comparisons itself."""
    if isinstance(node.test, BARE) and not (isinstance(node.test, cst.Name) and node.test.value == "True"):
        inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inner))


def swapped(node: cst.Call) -> Iterator[cst.Call]:
    """`max(…)` → `min(…)`, `any(…)` → `all(…)`, and back."""
    if isinstance(node.func, cst.Name) and node.func.value in SWAPPED:
        yield node.with_changes(func=cst.Name(SWAPPED[node.func.value]))


# as mutmut's own: the nodes, and what becomes of them
OPERATORS = [
    (cst.Expr, without_call),
    (cst.Raise, without_raise),
    ((cst.If, cst.CompIf, cst.While, cst.IfExp), negated),
    (cst.Call, swapped),
]


def undecorated(source: str) -> str:
    """The same module with its decorators written as calls: mutmut leaves a decorated function alone."""
    return cst.parse_module(source).visit(_Undecorated()).code


class _Undecorated(cst.CSTTransformer):
    """`@property` above `def x` → `x = property(x)` below it; a comment keeps the decorator's line."""

    def leave_FunctionDef(  # noqa: N802 - libcst calls it so
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        decorators = [each.decorator for each in updated_node.decorators]
        if not decorators or any(
            isinstance(each, cst.Name) and each.value in MUTMUT_TAKES for each in decorators
        ):
            return updated_node
        made: cst.BaseExpression = updated_node.name
        for decorator in reversed(decorators):
            made = cst.Call(decorator, [cst.Arg(made)])
        kept = [cst.EmptyLine(comment=cst.Comment("# decorated")) for _ in decorators]
        plain = updated_node.with_changes(decorators=[], leading_lines=[*updated_node.leading_lines, *kept])
        assigned = cst.Assign([cst.AssignTarget(updated_node.name)], made)
        return cst.FlattenSentinel([plain, cst.SimpleStatementLine([assigned])])
