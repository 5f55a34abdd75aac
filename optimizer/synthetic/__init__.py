"""Seeded synthetic input data: prices, weather, Bitcoin economics and inference demand, with realistic statistics."""

from optimizer.synthetic.contract_market import EventCalendar, synthetic_contract_ensemble, synthetic_contract_market
from optimizer.synthetic.ensemble import synthetic_ensemble, synthetic_market
from optimizer.synthetic.files import write_table

__all__ = [
    "EventCalendar",
    "synthetic_contract_ensemble",
    "synthetic_contract_market",
    "synthetic_ensemble",
    "synthetic_market",
    "write_table",
]
