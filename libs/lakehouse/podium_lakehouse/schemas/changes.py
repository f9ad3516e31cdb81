"""What a new schema of a source changes, and whether what was made from the old one can go on."""

from collections.abc import Collection, Mapping

from podium_contracts.model import Model

from podium_lakehouse.schemas.kinds import widens


class ModifiedField(Model):
    """A field that has another type."""

    field: str
    old_type: str
    new_type: str


class SchemaChanges(Model):
    """The difference between two schemas; `issues` has every reason for which it is not compatible."""

    added_fields: tuple[str, ...] = ()
    removed_fields: tuple[str, ...] = ()
    modified_fields: tuple[ModifiedField, ...] = ()
    issues: tuple[str, ...] = ()

    @property
    def is_compatible(self) -> bool:
        """Whether the new schema holds all that the old one held."""
        return not self.issues

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.added_fields or self.removed_fields or self.modified_fields)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every change in words, the issues first."""
        others = [
            f"Field {change.field} is {change.new_type}, was {change.old_type}"
            for change in self.modified_fields
            if _incompatible(change) not in self.issues
        ]
        return (*self.issues, *(f"Field {name} added" for name in self.added_fields), *others)


def _incompatible(change: ModifiedField) -> str:
    return f"Incompatible type change for {change.field}"


def changes(old: Mapping[str, str], new: Mapping[str, str], declared: Collection[str] = ()) -> SchemaChanges:
    """Compare two schemas, each the kinds of its fields by name.

    Added fields are compatible, removed ones are not; a modified one is if its new type holds the old one's values, or if it is one of the
    `declared` fields, whose new type is the one that they are declared to have: what is made of them goes on.
    """
    removed = tuple(name for name in old if name not in new)
    modified = tuple(
        ModifiedField(field=name, old_type=kind, new_type=new[name])
        for name, kind in old.items()
        if name in new and new[name] != kind
    )
    return SchemaChanges(
        added_fields=tuple(name for name in new if name not in old),
        removed_fields=removed,
        modified_fields=modified,
        issues=(
            *(f"Field {name} removed" for name in removed),
            *(
                _incompatible(change)
                for change in modified
                if change.field not in declared and not widens(change.old_type, change.new_type)
            ),
        ),
    )
