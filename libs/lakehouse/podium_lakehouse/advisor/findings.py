"""A finding: what to do, how urgent it is, what shows it, and what it would gain."""

from dataclasses import dataclass
from enum import StrEnum


class Priority(StrEnum):
    """How urgent it is."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Kind(StrEnum):
    """What a finding is about."""

    PERFORMANCE = "performance"
    PARTITIONING = "partitioning"
    CLUSTERING = "clustering"
    CACHING = "caching"
    JOIN = "join"
    MEMORY = "memory"
    SKEW = "skew"


@dataclass(frozen=True)
class Finding:
    """One recommendation; `evidence` is what was seen, `gain` what is to be expected of it."""

    kind: Kind
    priority: Priority
    message: str
    evidence: str
    gain: str

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return {
            "type": str(self.kind),
            "message": self.message,
            "priority": str(self.priority),
            "evidence": self.evidence,
            "expected_gain": self.gain,
        }
