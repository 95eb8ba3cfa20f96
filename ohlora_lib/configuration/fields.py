"""The kinds of values that a configuration holds, and what all its sections have in common."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ohlora_lib.store.layout import MAP_SIDE
from ohlora_lib.store.results import FILES

# Folders of a run that no population, method or experiment may be called.
RESERVED = sorted(
    {path.split("/")[0] for path in FILES.values() if "/" in path and path[0] != "{"}
    | {"benchmarks", "compare", "smoke"}
)
NAME = r"^[a-z][a-z0-9_]*$"


class Section(BaseModel):
    """Keys that a mapping may have; any other is refused, and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def reserved(name: str | None) -> str | None:
    """Refuse a name that is a folder of every run."""
    if name in RESERVED:
        raise PydanticCustomError("reserved", "a reserved name")
    return name


def distinct(values: list[Any] | None) -> list[Any] | None:
    """Refuse a list that names an entry twice."""
    if values is not None and len(values) != len(set(values)):
        raise PydanticCustomError("twice", "names an entry twice")
    return values


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=NAME)]
FolderName = Annotated[str, Field(pattern=NAME), AfterValidator(reserved)]
Pixel = Annotated[int, Field(ge=0, le=MAP_SIDE)]
Window = Annotated[list[Pixel], Field(min_length=2, max_length=2)]  # [start, stop), class map px
Level = Annotated[float, Field(ge=0, le=255)]  # grey levels


def about(description: str, default: Any = ..., **limits: Any) -> Any:
    """Return a field: what it means (unit included), its default if it has one, its limits."""
    if isinstance(default, list | dict):
        return Field(default_factory=lambda: type(default)(default), description=description)
    return Field(default, description=description, **limits)


def section(kind: type[Section], description: str = "") -> Any:
    """Return a field for a section that may be left out."""
    return Field(default_factory=kind, description=description or None)
