"""Why a plan is what it is: a reason for each component and step, what a limit is worth, and at which price a decision
flips."""
