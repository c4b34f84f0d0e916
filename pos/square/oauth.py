"""Square for social-auth, which has no back-end of its own for it."""

from integrations.oauth import ConnectionOAuth2


class SquareOAuth2(ConnectionOAuth2):
    """Connects a Square seller."""

    name = "square"
