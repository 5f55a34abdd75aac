"""Why there is no plan, in the scenario's words, and which change of one number would give one.

>>> from optimizer.infeasibility import explain
"""

from optimizer.infeasibility.explanation import check_for_plan, explain

__all__ = ["check_for_plan", "explain"]
