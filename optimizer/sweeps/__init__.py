"""Sweeps: one scenario at many points, on this machine or on a cluster, as one labelled dataset."""
