"""The requests to the providers, and reading their answers for the client.

A wire is one request in the form that one provider accepts:

    ChatWire         chat completions, completions and embeddings, as the client sent them
    NativeWire       Messages or Responses, for a provider that supports them
    TranslatedWire   Messages or Responses, for a provider that supports only chat completions
"""

from llmproxy.relay.wires.base import Beginning, Whole, Wire
from llmproxy.relay.wires.choosing import Wires

__all__ = ["Beginning", "Whole", "Wire", "Wires"]
