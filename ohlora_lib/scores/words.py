"""What the property scores are called in pages and figures.

Apart from the scores, so that an edited word measures nothing again.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One property.

    Attributes:
        subject: what changes.
        low: what a low score shows.
        high: what a high score shows.
    """

    subject: str
    low: str
    high: str


WORDS = {
    "eyes": Words("eyes", "closed", "open"),
    "hair_color": Words("hair", "dark", "bright"),
    "hair_length": Words("hair", "short", "long"),
    "mouth": Words("mouth", "closed", "open"),
    "pose": Words("head", "left", "right"),
    "background_mean": Words("background", "dark", "bright"),
    "background_std": Words("background", "even", "varied"),
    "hairstyle": Words("hair", "straight", "curly"),
}


def ends(name: str) -> tuple[str, str]:
    """Return what a low and a high score of a property mean, for instance "closed" and "open"."""
    return WORDS[name].low, WORDS[name].high


def meaning(name: str) -> str:
    """Return what a rising property score shows, for instance "eyes from closed to open"."""
    words = WORDS[name]
    return f"{words.subject} from {words.low} to {words.high}"
