"""The pages' forms, where they must do as the API does (ACCOUNT_FORMS)."""

from allauth.account import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import passwords
from accounts.models import User


class AddAddressForm(forms.AddEmailForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """Refuse what another account signs in by: it would become the way into this one."""
        email: str = super().clean_email()
        if User.objects.filter(email=email).exclude(pk=self.user.pk).exists():
            raise ValidationError("An account with this e-mail exists already.")
        return email


class ResetForm(forms.ResetPasswordForm):  # type: ignore[misc]
    def save(self, request: HttpRequest, **kwargs: object) -> str:
        email: str = self.cleaned_data["email"]
        passwords.request_reset(request, email=email.lower())
        return email


class NewPasswordForm(forms.ResetPasswordKeyForm):  # type: ignore[misc]
    def save(self) -> None:
        passwords.renew(self.user, password=self.cleaned_data["password1"])
