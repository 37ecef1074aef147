"""The editors that can sign in: one public OpenID Connect client for each URI scheme."""

from dataclasses import dataclass

from allauth.idp.oidc.models import Client
from django.conf import settings

SCOPES = ("openid", "profile", "email", "api")
GRANTS = (
    Client.GrantType.AUTHORIZATION_CODE.value,
    Client.GrantType.DEVICE_CODE.value,
    Client.GrantType.REFRESH_TOKEN.value,
)


@dataclass(frozen=True)
class Editor:
    scheme: str
    name: str
    redirects: bool = True  # otherwise it can use the device grant only

    @property
    def redirect_uri(self) -> str:
        """The one address that a browser may hand a code to. Empty: none."""
        path = f"{settings.EXTENSION_ID}/auth/callback"
        return f"{self.scheme}://{path}" if self.redirects else ""

    @property
    def grants(self) -> tuple[str, ...]:
        return GRANTS if self.redirects else GRANTS[1:]


# The scheme is also the client's id.
EDITORS = (
    Editor("vscode", "Visual Studio Code"),
    Editor("vscode-insiders", "Visual Studio Code Insiders"),
    Editor("vscodium", "VSCodium"),
    Editor("cursor", "Cursor"),
    Editor("windsurf", "Windsurf"),
    Editor("code-oss", "code-server"),
    Editor("editor", "Code editor", redirects=False),  # any other that the extension runs in
)


def seed(*, dry_run: bool = False) -> list[str]:
    """Create what is missing and mend what differs. Returns the ids of those that needed it."""
    return [editor.scheme for editor in EDITORS if _differs(editor, dry_run=dry_run)]


def _differs(editor: Editor, *, dry_run: bool) -> bool:
    found = Client.objects.filter(pk=editor.scheme)
    wanted = _fields(editor)
    if found.values(*wanted).first() == wanted:
        return False
    if not dry_run:
        Client.objects.update_or_create(pk=editor.scheme, defaults=wanted)
    return True


def _fields(editor: Editor) -> dict[str, object]:
    return {
        "name": editor.name,
        "type": Client.Type.PUBLIC.value,
        "secret": "!",  # nosec B105  # as an unusable password: a public client has none
        "grant_types": "\n".join(editor.grants),
        "response_types": Client.ResponseType.CODE.value,
        "scopes": "\n".join(SCOPES),
        "default_scopes": "api",
        "redirect_uris": editor.redirect_uri,
        "cors_origins": "",
        "allow_uri_wildcards": False,
        "skip_consent": False,
    }
