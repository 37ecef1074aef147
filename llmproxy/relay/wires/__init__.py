"""How each provider is asked, and how its answer is read for the client.

A wire is one request in the form in which one provider is asked:

    ChatWire         chat completions, completions and embeddings, as the client sent them
    NativeWire       Messages or Responses, where the provider speaks them itself
    TranslatedWire   Messages or Responses, where the provider speaks chat completions only
"""

from llmproxy.relay.wires.base import Beginning, Whole, Wire
from llmproxy.relay.wires.choosing import Wires

__all__ = ["Beginning", "Whole", "Wire", "Wires"]
