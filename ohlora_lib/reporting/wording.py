"""What attributes and properties are called in figures."""

# What 0 and 1 mean; other attributes read "no" and "yes".
_ANSWERS = {
    "gender": ("man", "woman"),
    "quality": ("bad", "good"),
    "age": ("young", "old"),
    "glass": ("no glasses", "glasses"),
}

# What a low and a high score mean, see ohlora_lib.scores.
_ENDS = {
    "eyes": ("closed", "open"),
    "hair_color": ("dark", "bright"),
    "hair_length": ("short", "long"),
    "mouth": ("closed", "open"),
    "pose": ("left", "right"),
    "background_mean": ("dark", "bright"),
    "background_std": ("even", "varied"),
    "hairstyle": ("straight", "curly"),
}

_SUBJECTS = {
    "eyes": "eyes",
    "hair_color": "hair",
    "hair_length": "hair",
    "mouth": "mouth",
    "pose": "head",
    "background_mean": "background",
    "background_std": "background",
    "hairstyle": "hair",
}


def answers(attribute: str) -> tuple[str, str]:
    """Return what label 0 and label 1 of an attribute mean."""
    return _ANSWERS.get(attribute, ("no", "yes"))


def ends(name: str) -> tuple[str, str]:
    """Return what a low and a high score of a property mean, for instance "closed" and "open"."""
    return _ENDS[name]


def meaning(name: str) -> str:
    """Return what a rising property score shows, for instance "eyes from closed to open"."""
    low, high = _ENDS[name]
    return f"{_SUBJECTS[name]} from {low} to {high}"


def condition(attribute: str, low: float | None, high: float | None) -> str:
    """Return a condition of the filter as text, for instance "gender ≥ 0.7"."""
    if low is not None and high is not None:
        return f"{low:g} ≤ {attribute} ≤ {high:g}"
    return f"{attribute} ≥ {low:g}" if low is not None else f"{attribute} ≤ {high:g}"
