"""Forecast ensembles from history, their scores, and few members in place of many.

>>> from optimizer.forecasting import History, ResidualBootstrap, issue
"""

from optimizer.forecasting.bitcoin_forecast import BitcoinForecast
from optimizer.forecasting.ensemble import ForecastEnsemble
from optimizer.forecasting.forecaster import DrawsOrigins, Forecaster, Together, issue
from optimizer.forecasting.history import History
from optimizer.forecasting.naive import Persistence, SeasonalNaive
from optimizer.forecasting.own_forecasts import MembersFile, OwnFunction
from optimizer.forecasting.publication import Publication
from optimizer.forecasting.reduction import ProfitLoss, Reduction, profit_loss, reduce
from optimizer.forecasting.residual_bootstrap import ResidualBootstrap
from optimizer.forecasting.statistical import Autoregression
from optimizer.forecasting.verification import Verification

__all__ = [
    "Autoregression",
    "BitcoinForecast",
    "DrawsOrigins",
    "ForecastEnsemble",
    "Forecaster",
    "History",
    "MembersFile",
    "OwnFunction",
    "Persistence",
    "ProfitLoss",
    "Publication",
    "Reduction",
    "ResidualBootstrap",
    "SeasonalNaive",
    "Together",
    "Verification",
    "issue",
    "profit_loss",
    "reduce",
]
