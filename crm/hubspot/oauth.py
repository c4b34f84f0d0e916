"""HubSpot for social-auth; its own back-end there calls OAuth version 1, which ends on 2027-02-16."""

from integrations.oauth import ConnectionOAuth2


class HubSpotOAuth2(ConnectionOAuth2):
    """Connects a HubSpot account."""

    name = "hubspot"
