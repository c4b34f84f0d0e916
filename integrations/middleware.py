"""Turns a consent that failed into a sentence on the connections page."""

from __future__ import annotations

from django.http import HttpRequest
from social_core.exceptions import AuthCanceled, AuthInputError, AuthSessionError
from social_django.middleware import SocialAuthExceptionMiddleware

from integrations.oauth import ConnectFailed


class ConnectErrorMiddleware(SocialAuthExceptionMiddleware):
    """Says in our words why a consent came to nothing, and that nothing was connected."""

    def get_message(self, request: HttpRequest, exception: Exception) -> str:
        """Return the sentence for people."""
        if isinstance(exception, ConnectFailed):
            return exception.sentence
        if isinstance(exception, AuthCanceled):
            return "The consent was refused at the provider, so nothing was connected. You can try again at any time."
        if isinstance(exception, AuthSessionError | AuthInputError):
            return (
                "This consent does not belong to this browser session, was used already or is too old, so nothing was "
                "connected. Start again with Connect."
            )
        return "The provider's answer could not be used, so nothing was connected. Start again with Connect."
