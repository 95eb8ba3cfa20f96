"""The objectives of fine-tunes, a line each; torch-free, as rules read what each one writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectiveEntry:
    """What the workflow knows of an objective.

    The objective itself is a module of this folder, which calls its class `OBJECTIVE`.
    """

    outputs: tuple[str, ...] = ()  # files besides the generator, see `store.results.FILES`
    discriminator: bool = False  # whether it starts from one, unless the options have another kind
    others_wait: bool = False  # whether other trainings start from what it makes
    note: str = ""  # for the leaderboard's page


OBJECTIVES = {
    "adversarial": ObjectiveEntry(outputs=("discriminator",), discriminator=True, others_wait=True),
    "scores": ObjectiveEntry(),
    "autoencoder": ObjectiveEntry(
        outputs=("encoder", "posterior"),
        note="Its latents are those that its encoder finds for faces, not random ones.",
    ),
}
