"""What attributes are asked as, and what their answers are called, on the page and in exports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """One attribute in words."""

    question: str
    yes: str  # answer 1
    no: str  # answer 0

    def answer(self, value: int) -> str:
        """Return the word for 0 or 1."""
        return self.yes if value else self.no

    def value(self, answer: str) -> int | None:
        """Return what a word stands for, 0 or 1; None for any other."""
        return {self.yes: 1, self.no: 0}.get(answer.strip().lower())


_WORDINGS = {
    "gender": Wording("Woman or man?", "female", "male"),
    "quality": Wording("Is the picture good?", "good", "bad"),
    "age": Wording("Old or young?", "old", "young"),
    "glass": Wording("Glasses?", "glasses", "none"),
}


def wording(attribute: str) -> Wording:
    """Return the words of an attribute; unknown ones are asked by name, with yes and no."""
    return _WORDINGS.get(
        attribute, Wording(f"{attribute.replace('_', ' ').capitalize()}?", "yes", "no")
    )
