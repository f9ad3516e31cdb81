"""Payloads: what the messages of a topic hold, decoded into columns of text, or refused with a reason.

    message ──envelope──► payload ──JSON, Avro or Protobuf──► columns of text

`reader` puts both steps together for a source; `problems` finds what is wrong with its schema before anything is read.
"""

from podium_ingest.payloads.checks import problems
from podium_ingest.payloads.decoded import BadSchema, Decoded, Value
from podium_ingest.payloads.reader import Reader, kept_text, reader

__all__ = ["BadSchema", "Decoded", "Reader", "Value", "kept_text", "problems", "reader"]
