"""Machines at a site: one file per kind."""
