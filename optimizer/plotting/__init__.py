"""Pictures of a plan as plotly figures, for notebooks: ``plan.plot.power()``."""
