"""Seeded synthetic input data: prices, weather, Bitcoin economics and inference demand, with realistic statistics."""

from optimizer.synthetic.ensemble import synthetic_ensemble, synthetic_market
from optimizer.synthetic.files import write_table

__all__ = ["synthetic_ensemble", "synthetic_market", "write_table"]
