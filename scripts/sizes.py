"""Fails when a function or a module outgrows the size that the house allows."""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 400
FUNCTION_LINES = 50
P90_LINES = 30
MEDIAN_LINES = 10
ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("app", "rag", "workers")
ALL = (*PRODUCT, "scripts", "tests")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function of a module, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                first = node.body[0]
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, lines


def faults() -> Iterator[str]:
    """One line for each module or function that is too long, and for a median or p90 that is."""
    product_lines: list[int] = []
    for folder in ALL:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT)
            length = len(path.read_text(encoding="utf-8").splitlines())
            if length > MODULE_LINES:
                yield f"{name} has {length} lines; the most is {MODULE_LINES}"
            for function, lines in functions(path):
                if folder in PRODUCT:
                    product_lines.append(lines)
                if lines > FUNCTION_LINES:
                    yield f"{name}: {function} has {lines} lines; the most is {FUNCTION_LINES}"
    median, p90 = statistics.median(product_lines), statistics.quantiles(product_lines, n=10)[-1]
    if median > MEDIAN_LINES or p90 > P90_LINES:
        yield f"functions: median {median}, p90 {p90} lines; the most is {MEDIAN_LINES} and {P90_LINES}"


if __name__ == "__main__":
    found = list(faults())
    sys.stdout.write("".join(f"{line}\n" for line in found) or "sizes: ok\n")
    sys.exit(bool(found))
