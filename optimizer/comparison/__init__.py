"""Two plans, or scenarios, side by side: what changed in the input, in the schedule and in the money, and why."""
