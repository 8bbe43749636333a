"""What others forecast with, to be measured against: last value, yesterday, Holt-Winters, ARIMA, a Kalman trend. Pure.

Enters: values, one a step, NaN for a gap. Leaves: a forecast a horizon, asked after each value. Holt-Winters and ARIMA
are statsmodels' (the extra ``rivals``), fitted anew now and then and carried on in between, as planners do. The Kalman
trend has the noise that Dynamo's planner ships with.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

FITTED_ON = 1008
"""Values at most that a model is fitted on."""
FIT_EVERY = 144
LEAST_DAYS = 2


class Rival(Protocol):
    """See the module."""

    def add(self, value: float) -> None:
        """The next value."""

    def forecast(self, steps: int) -> float:
        """What is expected ``steps`` after the newest."""


class Naive:
    """The last value."""

    def __init__(self, day: int) -> None:
        self._last = 0.0

    def add(self, value: float) -> None:
        if not np.isnan(value):
            self._last = value

    def forecast(self, steps: int) -> float:
        return self._last


class SeasonalNaive:
    """The value of a day before; the last value on the first day."""

    def __init__(self, day: int) -> None:
        self._day = day
        self._values: list[float] = []

    def add(self, value: float) -> None:
        values = self._values
        if np.isnan(value):
            value = values[-self._day] if len(values) >= self._day else values[-1] if values else 0.0
        values.append(value)

    def forecast(self, steps: int) -> float:
        back = (steps - 1) % self._day - self._day
        return self._values[back] if len(self._values) >= self._day else self._values[-1]


class Kalman:
    """Level and trend, with process noise 1 and 0.1 and observation noise 10."""

    LEVEL, TREND, NOISE = 1.0, 0.1, 10.0

    def __init__(self, day: int) -> None:
        self._state: Any = None
        self._spread = np.eye(2) * self.NOISE

    def add(self, value: float) -> None:
        if self._state is None:
            if not np.isnan(value):
                self._state = np.array([value, 0.0])
            return
        onward = np.array([[1.0, 1.0], [0.0, 1.0]])
        self._state = onward @ self._state
        self._spread = onward @ self._spread @ onward.T + np.diag([self.LEVEL, self.TREND])
        if not np.isnan(value):
            gain = self._spread[:, 0] / (self._spread[0, 0] + self.NOISE)
            self._state = self._state + gain * (value - self._state[0])
            self._spread = self._spread - np.outer(gain, self._spread[0])

    def forecast(self, steps: int) -> float:
        return 0.0 if self._state is None else max(0.0, float(self._state[0] + steps * self._state[1]))


class Fitted:
    """What Holt-Winters and ARIMA share: values without holes, fitted every so often."""

    def __init__(self, day: int) -> None:
        self.day = day
        self.values: list[float] = []
        self._model: Any = None
        self._told: list[float] = []

    def add(self, value: float) -> None:
        if np.isnan(value):
            value = self.values[-1] if self.values else 0.0
        self.values.append(value)
        self._told = []
        if len(self.values) < LEAST_DAYS * self.day + 2:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._model is None or len(self.values) % FIT_EVERY == 0:
                self._model = self.fit(np.array(self.values[-FITTED_ON:]))
            else:
                self._model = self.carry_on(self._model, value)

    def forecast(self, steps: int) -> float:
        if self._model is None:
            return self.values[-1]
        if len(self._told) < steps:
            self._told = [max(0.0, float(one)) for one in self.ahead(self._model, max(steps, 12))]
        return self._told[steps - 1]

    def fit(self, values: Any) -> Any:
        raise NotImplementedError

    def carry_on(self, model: Any, value: float) -> Any:
        raise NotImplementedError

    def ahead(self, model: Any, steps: int) -> Any:
        raise NotImplementedError


class Arima(Fitted):
    """ARIMA(2,1,1) of logarithms."""

    def fit(self, values: Any) -> Any:
        from statsmodels.tsa.arima.model import ARIMA

        return ARIMA(np.log1p(values), order=(2, 1, 1)).fit()

    def carry_on(self, model: Any, value: float) -> Any:
        return model.append([np.log1p(value)], refit=False)

    def ahead(self, model: Any, steps: int) -> Any:
        return np.expm1(model.forecast(steps))


class HoltWinters(Fitted):
    """Additive season of a day and a damped trend; its equations are carried on between fits."""

    def fit(self, values: Any) -> Any:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing

        fitted = ExponentialSmoothing(
            values, trend="add", damped_trend=True, seasonal="add", seasonal_periods=self.day,
            initialization_method="heuristic",
        ).fit()  # fmt: skip
        told = fitted.params
        weights = (told["smoothing_level"], told["smoothing_trend"], told["smoothing_seasonal"], told["damping_trend"])
        return [float(fitted.level[-1]), float(fitted.trend[-1]), list(map(float, fitted.season[-self.day :])), weights]

    def carry_on(self, model: Any, value: float) -> Any:
        level, trend, season, (alpha, beta, gamma, phi) = model
        then, rest = season[0], season[1:]
        risen = alpha * (value - then) + (1 - alpha) * (level + phi * trend)
        trend = beta * (risen - level) + (1 - beta) * phi * trend
        return [risen, trend, [*rest, gamma * (value - risen) + (1 - gamma) * then], model[3]]

    def ahead(self, model: Any, steps: int) -> Any:
        level, trend, season, (_, _, _, phi) = model
        damped = np.cumsum(phi ** np.arange(1, steps + 1))
        return level + damped * trend + np.resize(np.array(season), steps)


RIVALS: dict[str, Callable[[int], Rival]] = {
    "last value": Naive, "seasonal naive": SeasonalNaive, "Holt-Winters": HoltWinters, "ARIMA": Arima,
    "Kalman trend": Kalman,
}  # fmt: skip
NEED_STATSMODELS: Sequence[str] = ("Holt-Winters", "ARIMA")
