"""What the operator decides, as functions of what it has seen: no cluster, no clock, no network."""
