from django.apps import AppConfig


class LlmProxyConfig(AppConfig):
    name = "llmproxy"
    verbose_name = "LLM proxy"
