"""Intervals of shares and of their differences, from counts alone."""

from __future__ import annotations

from math import inf, sqrt

from towpath_checks.measures._common import Measure, check_share


def normal_quantile(confidence: float) -> float:
    """The z with `confidence` of the normal distribution between −z and z. Raises: Misused for no confidence."""
    from scipy.special import ndtri

    return float(ndtri((1 + check_share(confidence, "the confidence")) / 2))


def student_quantile(confidence: float, degrees: int) -> float:
    """The t with `confidence` of Student's distribution between −t and t. Raises: Misused for no confidence."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + check_share(confidence, "the confidence")) / 2))


def wilson(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927), modified near 0 and 1 (Brown, Cai and DasGupta 2001, section 4.1.1).

    Its mean coverage is near `confidence` for small n too: it is neither as narrow as the normal one nor as wide as the
    exact one. With one to three hits, or misses, its far end comes from the Poisson distribution, as Wilson's misses
    there. n > 0; both may be effective numbers, not whole ones.
    """
    z = normal_quantile(confidence)
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = _poisson(hits, n, confidence), 1 - _poisson(n - hits, n, confidence)
    return max(0.0, min(low, middle - half)), min(1.0, max(high, middle + half))


def _poisson(hits: float, n: float, confidence: float) -> float:
    """The lower end for few hits; 1 where they are not few."""
    from scipy.special import gammaincinv

    if hits > (2 if n <= 50 else 3):
        return 1.0
    return float(gammaincinv(hits, 1 - confidence)) / n if hits > 0 else 0.0


def assessable_share(name: str, hits: int, n: int, confidence: float, minimum: int) -> Measure:
    """The share with Wilson's interval, or, of fewer than `minimum` records, nothing but their number."""
    if n < max(minimum, 1):
        return Measure(name, None, None, None, n, f"not assessable: {n} records, expected {max(minimum, 1)} or more")
    return Measure(name, hits / n, *wilson(hits, n, confidence), n)


def difference(one: tuple[int, int], other: tuple[int, int], confidence: float) -> tuple[float, float]:
    """The interval of one share minus another of other records, each as (hits, n): Newcombe 1998, method 10."""
    (hits, n), (others, m) = one, other
    (low, high), (down, up) = wilson(hits, n, confidence), wilson(others, m, confidence)
    a, b = hits / n, others / m
    return a - b - sqrt((a - low) ** 2 + (up - b) ** 2), a - b + sqrt((high - a) ** 2 + (b - down) ** 2)


def ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float]:
    """The interval of a / b, each independent as (value, low, high) and 0 or more, not both 0: Donner and Zou 2012.

    The upper end is infinite where b may be 0.
    """
    (a, low, high), (b, down, up) = one, other
    below = max(0.0, (a * b) ** 2 - low * up * (2 * a - low) * (2 * b - up))
    above = max(0.0, (a * b) ** 2 - high * down * (2 * a - high) * (2 * b - down))
    top, bottom = low * (2 * a - low), a * b + sqrt(below)
    least = top / bottom if bottom else inf if a else 0.0
    rest = down * (2 * b - down)
    return max(0.0, least), (a * b + sqrt(above)) / rest if rest > 0 else inf
