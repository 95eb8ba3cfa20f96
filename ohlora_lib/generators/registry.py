"""The generator families, a line each; torch-free. Modules are imported only when needed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Where a family's networks are.

    Attributes:
        generator: kind of its checkpoints, module and class below `ohlora_lib.generators`.
        discriminator: the same; None where it has none of its own.
    """

    generator: tuple[str, str]
    discriminator: tuple[str, str] | None = None


FAMILIES = {
    "stylegan1": Family(
        generator=("stylegan_generator", "stylegan1.generator.StyleGANGenerator"),
        discriminator=("stylegan_discriminator", "stylegan1.discriminator.StyleGANDiscriminator"),
    ),
}


def generator_networks() -> dict[str, str]:
    """Return module and class, below `ohlora_lib`, of every family's generator by its kind."""
    return {family.generator[0]: _place(family.generator) for family in FAMILIES.values()}


def discriminator_networks() -> dict[str, str]:
    """Return the same of every family's discriminator."""
    found = [family.discriminator for family in FAMILIES.values() if family.discriminator]
    return {network[0]: _place(network) for network in found}


def family_modules(name: str) -> list[str]:
    """Return the modules of a family, dotted: what jobs with its generators load by name."""
    family = FAMILIES[name]
    networks = filter(None, (family.generator, family.discriminator))
    return [f"ohlora_lib.{_place(network).rpartition('.')[0]}" for network in networks]


def _place(network: tuple[str, str]) -> str:
    return f"generators.{network[1]}"
