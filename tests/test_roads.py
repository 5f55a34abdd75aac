"""Every shipped scenario compiles to the same model on both roads."""

from __future__ import annotations

from pathlib import Path

import pytest
from roads import assert_same_model

import optimizer as opt

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_templates_compile_to_what_pyomo_says(path: Path) -> None:
    """Proves: matrix, row and column bounds, costs, offset and integrality equal those of Pyomo's
    LinearStandardFormCompiler."""
    size = assert_same_model(opt.load(path))
    assert size["rows"] > 0
    assert size["nonzeros"] > 0
