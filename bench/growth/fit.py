"""Straight lines through measured points by least squares, with the standard error of their slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """y = intercept + slope · x. `error` is the slope's standard error; infinite where two points leave nothing to judge by."""

    slope: float
    intercept: float
    error: float

    def at(self, x: float) -> float:
        return self.intercept + self.slope * x


def line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """The ordinary least-squares line. Raises ValueError where fewer than two different x are given."""
    n = len(xs)
    if n != len(ys):
        raise ValueError(f"{n} x and {len(ys)} y")
    if len(set(xs)) < 2:
        raise ValueError("a line needs two points with different x")
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    left = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    error = math.sqrt(left / (n - 2) / spread) if n > 2 else math.inf
    return Line(slope=slope, intercept=intercept, error=error)


def log_log(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """The line through the logarithms (base 10): its slope is the power with which y grows. All values must be positive."""
    return line([math.log10(x) for x in xs], [math.log10(y) for y in ys])
