"""Forms of the pages where they must follow the API's rules (ACCOUNT_FORMS)."""

import struct
from typing import Any

from allauth.account import forms
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django.core.exceptions import ValidationError
from django.forms import CharField, HiddenInput, JSONField
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.translation import gettext
from fido2.webauthn import AuthenticationResponse

from accounts import security_log
from accounts.addresses import fold
from accounts.flows import passwords, second_factor
from accounts.models import User
from accounts.throttling.attempts import count_code, count_password
from core import encryption

# What the library and fido2 raise for credentials that no browser sends, and for wrong signatures.
_ODD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,  # RecursionError and NotImplementedError among them
    TypeError,
    ValueError,
    struct.error,
    InvalidSignature,
    UnsupportedAlgorithm,
)
_LONGEST_CREDENTIAL = 20_000  # characters; browsers send 1,000 to 8,000
_MOST_PASSKEYS = 20
_LONGEST_NAME = 100

UNREADABLE = "Your second factor cannot be read. Ask support to remove it."


class SignInForm(forms.LoginForm):  # type: ignore[misc]
    def clean_login(self) -> str:
        """Look for the address in the form in which it is kept."""
        login: str = super().clean_login()
        try:
            return fold(login)
        except ValueError:
            return login  # nobody's


class CodeForm(mfa.AuthenticateForm):  # type: ignore[misc]
    """Counts codes with those of the API, before they are looked at."""

    def clean_code(self) -> str:
        count_code(context.request, user=self.user)
        try:
            code: str = super().clean_code()
        except ValidationError:
            security_log.note("second_factor_failed", user_id=self.user.pk, request=context.request)
            raise
        except encryption.Unreadable as lost:
            security_log.note("second_factor_unreadable", user_id=self.user.pk)
            raise ValidationError(UNREADABLE) from lost
        return code


class CodeAgainForm(CodeForm, mfa.ReauthenticateForm):  # type: ignore[misc]
    """The same for who has signed in already."""

    def save(self) -> None:
        mfa.ReauthenticateForm.save(self)


class CredentialField(JSONField):
    """What a browser makes of a passkey. It is short: fido2 takes quadratic time to read it.

    It holds no escapes: PostgreSQL refuses some of those that JSON allows.
    """

    widget = HiddenInput

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and (len(value) > _LONGEST_CREDENTIAL or "\\u" in value):
            raise get_adapter().validation_error("incorrect_code")
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as odd:
            raise get_adapter().validation_error("incorrect_code") from odd

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return nothing to draw: each page asks for a new credential."""
        return InvalidJSONInput("")


class PasskeyForm(webauthn.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Refuses what no browser sends, where the library fails. Counts attempts with the codes."""

    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        given = self.cleaned_data["credential"]
        if self.user:
            count_code(context.request, user=self.user)
        try:
            found: Authenticator = super().clean_credential()
            self._require_verification(given)
        except (ValidationError, *_ODD) as odd:
            user_id = self.user.pk if self.user else None
            security_log.note("second_factor_failed", user_id=user_id, request=context.request)
            raise get_adapter().validation_error("incorrect_code") from odd
        return found

    def _require_verification(self, given: Any) -> None:
        """Insist on a PIN or a fingerprint where there is no password.

        The library goes by the challenge, which may be that of another page: one that follows a
        password, of whatever account, and asks for less.
        """
        signed = AuthenticationResponse.from_dict(given).response.authenticator_data
        if self.passwordless and not signed.is_user_verified():
            raise ValueError("The user was not verified.")


class PasskeyLoginForm(PasskeyForm, webauthn.LoginWebAuthnForm):  # type: ignore[misc]
    """The same for who signs in by it alone."""


class PasskeyAgainForm(PasskeyForm, webauthn.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """The same for who has signed in already."""


class AddPasskeyForm(webauthn.AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey. Its name is the user's word, and short."""

    name = CharField(max_length=_LONGEST_NAME, required=False)
    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        if second_factor.passkeys(self.user).count() >= _MOST_PASSKEYS:
            raise ValidationError(gettext("You have as many passkeys as an account can have."))
        try:
            cleaned: dict[str, Any] = super().clean()
        except _ODD as odd:
            raise get_adapter().validation_error("incorrect_code") from odd
        return cleaned


class RenamePasskeyForm(webauthn.EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a passkey, as short as the first."""

    name = CharField(max_length=_LONGEST_NAME)


class ChangeForm(forms.ChangePasswordForm):  # type: ignore[misc]
    def clean_oldpassword(self) -> str:
        """Count guesses together with the API's, before the password is looked at."""
        count_password(context.request, user=self.user)
        password: str = super().clean_oldpassword()
        return password


class PasswordAgainForm(forms.ReauthenticateForm):  # type: ignore[misc]
    def clean_password(self) -> str:
        """Count guesses together with those of ``ChangeForm``."""
        count_password(context.request, user=self.user)
        password: str = super().clean_password()
        return password


class AddAddressForm(forms.AddEmailForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """Refuse what another account signs in by: it would become the way into this one."""
        email: str = super().clean_email()
        if User.objects.filter(email=email).exclude(pk=self.user.pk).exists():
            raise ValidationError("An account with this email already exists.")
        return email


class ResetForm(forms.ResetPasswordForm):  # type: ignore[misc]
    def save(self, request: HttpRequest, **kwargs: object) -> str:
        email: str = self.cleaned_data["email"]
        passwords.request_reset(request, email=email)
        return email


class NewPasswordForm(forms.ResetPasswordKeyForm):  # type: ignore[misc]
    def save(self) -> None:
        passwords.renew(self.user, password=self.cleaned_data["password1"])
