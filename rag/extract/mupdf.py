"""The one way to PyMuPDF."""

import importlib
import sys
from functools import cache
from typing import Any

# PyMuPDF 2 imports its layout model when it finds it: slow, threads before a fork, and an onnxruntime that
# reports to its maker. Nothing here needs any of it.
_UNWANTED_MODULES = ("pymupdf.layout", "pymupdf4llm", "onnxruntime")


@cache
def load_pymupdf() -> Any:
    """The library without its layout model."""
    for name in _UNWANTED_MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    pymupdf = importlib.import_module("pymupdf")
    pymupdf.no_recommend_layout()
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    return pymupdf
