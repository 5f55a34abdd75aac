"""Plans under uncertainty: what information is worth, risk against profit, the worst member, few or very many members.

>>> from optimizer.uncertainty import frontier, value_of_information
"""

from optimizer.uncertainty.decomposition.road import solve_in_bundles
from optimizer.uncertainty.frontier import Frontier, FrontierPoint, frontier
from optimizer.uncertainty.members import mean_member, one_member, selected_members
from optimizer.uncertainty.reduction import ReducedScenario, profit_lost, reduced
from optimizer.uncertainty.value_of_information import Interval, ValueOfInformation, value_of_information
from optimizer.uncertainty.worst_member import RobustPlan, worst_member_plan

__all__ = [
    "Frontier",
    "FrontierPoint",
    "Interval",
    "ReducedScenario",
    "RobustPlan",
    "ValueOfInformation",
    "frontier",
    "mean_member",
    "one_member",
    "profit_lost",
    "reduced",
    "selected_members",
    "solve_in_bundles",
    "value_of_information",
    "worst_member_plan",
]
