"""The settings of coding tools for a key, ready to copy: docs/clients.md. Pure."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """A tool, where its settings go, and the settings."""

    slug: str
    name: str
    where: str
    text: str


def settings_for(*, site: str, key: str, model: str, name: str) -> list[Tool]:
    """Return the settings of each tool for this site, key and model."""
    provider = "".join(letter for letter in name.lower() if letter.isalnum()) or "provider"
    variable = f"{provider.upper()}_API_KEY"
    return [
        Tool("curl", "curl", "shell", _curl(site, key, model)),
        Tool("python", "OpenAI SDK (Python)", "Python", _python(site, key, model)),
        Tool("claude-code", "Claude Code", "shell", _claude(site, key, model)),
        Tool(
            "codex", "Codex", "~/.codex/config.toml", _codex(site, key, model, provider, variable)
        ),
        Tool(
            "opencode",
            "opencode",
            "~/.config/opencode/opencode.json",
            _opencode(site, key, model, provider, variable),
        ),
        Tool("qwen", "Qwen Code", "shell", _qwen(site, key, model)),
        Tool("cline", "Cline CLI", "shell", _cline(site, key, model)),
        Tool("continue", "Continue", "~/.continue/config.yaml", _continue(site, key, model, name)),
        Tool("aider", "aider", "shell", _aider(site, key, model)),
    ]


def _curl(site: str, key: str, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
    return (
        f'curl {site}/v1/chat/completions \\\n  -H "Authorization: Bearer {key}" \\\n'
        f"  -H \"Content-Type: application/json\" \\\n  -d '{json.dumps(body)}'"
    )


def _python(site: str, key: str, model: str) -> str:
    return (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{site}/v1", api_key="{key}")\n'
        "answer = client.chat.completions.create(\n"
        f'    model="{model}", messages=[{{"role": "user", "content": "Hello!"}}]\n'
        ")\nprint(answer.choices[0].message.content)"
    )


def _claude(site: str, key: str, model: str) -> str:
    return (
        f"export ANTHROPIC_BASE_URL={site}\nexport ANTHROPIC_AUTH_TOKEN={key}\n"
        f"export ANTHROPIC_MODEL={model}\nexport ANTHROPIC_DEFAULT_HAIKU_MODEL={model}"
    )


def _codex(site: str, key: str, model: str, provider: str, variable: str) -> str:
    return (
        f'# export {variable}={key}\nmodel = "{model}"\nmodel_provider = "{provider}"\n'
        f'[model_providers.{provider}]\nname = "{provider}"\nbase_url = "{site}/v1"\n'
        f'env_key = "{variable}"\nwire_api = "responses"'
    )


def _opencode(site: str, key: str, model: str, provider: str, variable: str) -> str:
    options = {"baseURL": f"{site}/v1", "apiKey": f"{{env:{variable}}}"}
    package = "@ai-sdk/openai-compatible"
    served = {"npm": package, "options": options, "models": {model: {}}}
    config = {"model": f"{provider}/{model}", "provider": {provider: served}}
    return f"// export {variable}={key}\n{json.dumps(config, indent=2)}"


def _qwen(site: str, key: str, model: str) -> str:
    return (
        f"export OPENAI_BASE_URL={site}/v1\nexport OPENAI_API_KEY={key}\n"
        f"export OPENAI_MODEL={model}\nqwen --auth-type openai"
    )


def _cline(site: str, key: str, model: str) -> str:
    return f"cline auth openai --baseurl {site}/v1 --apikey {key} --modelid {model}"


def _continue(site: str, key: str, model: str, name: str) -> str:
    title = json.dumps(name)
    return (
        f"name: {title}\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: {title}\n"
        f"    provider: openai\n    model: {model}\n    apiBase: {site}/v1\n    apiKey: {key}\n"
        "    roles: [chat, edit]"
    )


def _aider(site: str, key: str, model: str) -> str:
    return (
        f"export OPENAI_API_BASE={site}/v1\nexport OPENAI_API_KEY={key}\n"
        f"aider --model openai/{model}"
    )
