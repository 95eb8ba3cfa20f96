"""The yes/no attributes of a face: what is asked, what the answers are called, which one is wanted.

To add one, add an entry here and name it in the configuration (`attributes`, and `attributes` of a
population). An attribute that has no entry can be labelled, learnt and filtered by all the same: it
is asked by its name, with yes and no, and is not judged. An attribute's network is in
`networks.attribute_cnn`; without a layout of its own there, it sees the whole picture.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """One attribute in words.

    Attributes:
        question: as a person is asked.
        no: the answer 0, as pages and figures call it.
        yes: the answer 1, the same.
        many: pictures whose answer is yes, as figures call them.
        share: what their share is called in summaries.
        wanted: the answer that a virtual human shall have.
        person: whether an edit that flips it makes another person.
        codes: the answers 0 and 1 in files that are exchanged with Label Studio, where others than
            `no` and `yes`.
    """

    question: str
    no: str
    yes: str
    many: str
    share: str
    wanted: bool
    person: bool
    codes: tuple[str, str] | None = None

    def word(self, value: int) -> str:
        """Return the answer 0 or 1 in words."""
        return self.yes if value else self.no

    def code(self, value: int) -> str:
        """Return the answer 0 or 1 as exchanged files have it."""
        return (self.codes or (self.no, self.yes))[value]

    def value(self, code: str) -> int | None:
        """Return the answer that an exchanged file means, 0 or 1; None for anything else."""
        known = {self.code(value): value for value in (0, 1)}
        return known.get(code.strip().lower())


ATTRIBUTES = {
    "gender": Attribute(
        question="Woman or man?",
        no="man",
        yes="woman",
        many="women",
        share="women",
        wanted=True,
        person=True,
        codes=("male", "female"),
    ),
    "quality": Attribute(
        question="Is the picture good?",
        no="bad",
        yes="good",
        many="good pictures",
        share="good",
        wanted=True,
        person=False,
    ),
    "age": Attribute(
        question="Old or young?",
        no="young",
        yes="old",
        many="old",
        share="old",
        wanted=False,
        person=True,
    ),
    "glass": Attribute(
        question="Glasses?",
        no="no glasses",
        yes="glasses",
        many="glasses",
        share="glass",
        wanted=False,
        person=True,
        codes=("none", "glasses"),
    ),
}
SHARES = {name: each.share for name, each in ATTRIBUTES.items()}
PERSON = tuple(name for name, each in ATTRIBUTES.items() if each.person)
WANTED = {name: each.wanted for name, each in ATTRIBUTES.items()}


def attribute(name: str) -> Attribute:
    """Return an attribute; one without an entry is asked by its name, with yes and no."""
    words = name.replace("_", " ")
    plain = Attribute(
        question=f"{words.capitalize()}?",
        no="no",
        yes="yes",
        many=words,
        share=name,
        wanted=False,
        person=False,
    )
    return ATTRIBUTES.get(name, plain)
