"""Real training jobs of two weeks, planned together. The trace is not part of the project: where it is absent, the
tests are skipped."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import optimizer as opt

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def _training_jobs() -> ModuleType:
    path = BENCHMARKS / "training_jobs.py"
    specification = importlib.util.spec_from_file_location("training_jobs", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(BENCHMARKS))  # it measures with a module beside it
    try:
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


trace = _training_jobs()
has_data = trace.ALIGNED.is_file() and trace.JOBS.is_file()


@pytest.mark.skipif(not has_data, reason="the trace and the prices of 2024 are not beside the project")
@pytest.mark.parametrize("two_pools", [False, True])
def test_jobs_of_the_trace_are_planned_together(two_pools: bool) -> None:
    """Proves: twelve jobs of all classes over two weeks of real prices are proven to 1 % in seconds and stand up to the
    audit; those that are due in the horizon are finished, for they compete for few nodes."""
    plan = opt.optimize(trace.scenario(two_pools=two_pools, count=12))
    assert plan.status == "optimal"
    assert plan.summary["mip_gap"] <= 0.01
    assert plan.summary["audit"]["largest_violation"] < 1e-6
    finished = plan.dispatch["finished"].isel(time=-1, member=0).sum()
    assert finished >= 7


@pytest.mark.skipif(not has_data, reason="the trace and the prices of 2024 are not beside the project")
def test_forty_jobs_are_of_all_classes() -> None:
    """Proves: the benchmark's jobs are forty different ones of the trace, of every class and size."""
    jobs = trace.jobs()
    assert len({job["name"] for job in jobs}) == 40
    assert {job["class"] for job in jobs} == {"rigid", "preemptible", "malleable"}
    assert {job.get("gang_nodes", job.get("max_nodes")) for job in jobs} == {4.0, 8.0, 16.0}
