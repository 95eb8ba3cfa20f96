"""Conditions of the filter in words."""


def condition(attribute: str, low: float | None, high: float | None) -> str:
    """Return a condition of the filter as text, for instance "gender ≥ 0.7"."""
    if low is not None and high is not None:
        return f"{low:g} ≤ {attribute} ≤ {high:g}"
    return f"{attribute} ≥ {low:g}" if low is not None else f"{attribute} ≤ {high:g}"
