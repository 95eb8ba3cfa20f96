"""The generator families, a line each; torch-free. Modules are imported only when needed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Where a family's networks are.

    Attributes:
        generator: kind of its checkpoints; module and class, dotted.
        discriminator: the same, of what fine-tunes start from; None where there is none.
    """

    generator: tuple[str, str]
    discriminator: tuple[str, str] | None = None


ROOM = "ohlora_lib.generators"
STYLEGAN_DISCRIMINATOR = (
    "stylegan_discriminator",
    f"{ROOM}.stylegan1.discriminator.StyleGANDiscriminator",
)
FAMILIES = {
    "stylegan1": Family(
        generator=("stylegan_generator", f"{ROOM}.stylegan1.generator.StyleGANGenerator"),
        discriminator=STYLEGAN_DISCRIMINATOR,
    ),
    "dcgan": Family(
        generator=("dcgan_generator", f"{ROOM}.dcgan.generator.DCGANGenerator"),
        discriminator=STYLEGAN_DISCRIMINATOR,  # none was published
    ),
}


def generator_networks() -> dict[str, str]:
    """Return module and class of every family's generator by its kind."""
    return dict(family.generator for family in FAMILIES.values())


def discriminator_networks() -> dict[str, str]:
    """Return the same of every family's discriminator."""
    return dict(family.discriminator for family in FAMILIES.values() if family.discriminator)


def family_modules(name: str) -> list[str]:
    """Return the modules of a family, dotted: what jobs with its generators load by name."""
    networks = filter(None, (FAMILIES[name].generator, FAMILIES[name].discriminator))
    return [place.rpartition(".")[0] for _, place in networks]
