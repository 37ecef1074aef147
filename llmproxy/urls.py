from django.urls import path

from llmproxy.api import consumption, views

urlpatterns = [
    path("tokens/consume", consumption.ConsumeView.as_view(), name="consume"),
    path("llm/chat/completions", views.chat_completions, name="chat-completions"),
    path("llm/completions", views.completions, name="completions"),
    path("llm/embeddings", views.embeddings, name="embeddings"),
    path("llm/providers", views.providers, name="providers"),
    path("llm/models", views.models, name="models"),
    path("llm/models/<path:name>", views.model_detail, name="model"),
]
