"""Glama: https://glama.ai/gateway. It has no embeddings, and lists prices for some models only."""

from llmproxy.providers.base import Dialect

DIALECT = Dialect(headers={"X-Glama-Metadata": '{"labels":["tokengate"]}'}, embeddings=False)
