"""Plant that removes heat: one file per kind."""
