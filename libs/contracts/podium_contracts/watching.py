"""Where a resident run looks for new files: what a host that watches tells the stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A look at the watched files of a dataset: at all of them by listing, or only at the objects with these URIs."""

    sweep: bool
    objects: tuple[str, ...] = ()


EVERYWHERE = Look(sweep=True)
