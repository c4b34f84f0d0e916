"""The sandbox's own pages for people: its index, HubSpot's CRM and Square's tills played, the fault panel."""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from sandbox.html import page
from sandbox.pages_crm import CrmPages
from sandbox.pages_faults import FaultPages
from sandbox.pages_square import TillPages
from sandbox.web import Request, Response, Routes, html_response, split_path

if TYPE_CHECKING:
    from sandbox.app import Sandbox

FIRST_PARTS = ("", "hubspot", "square", "faults")
HOME = """<p>This server plays HubSpot, Square and the tax authority for demonstrations and tests.</p>
<h2>Pages</h2><dl>
<dt>Change deals, lines and companies as the people of the account would</dt>
<dd><a href="/hubspot">HubSpot's CRM</a></dd>
<dt>Ring up sales, give money back, sell offline, take the app's access away</dt>
<dd><a href="/square/till">Square's tills</a></dd>
<dt>Let HubSpot and Square be late, refuse, forget; send webhooks twice or mixed up</dt>
<dd><a href="/faults">Faults</a></dd></dl>
<h2>What a program reads</h2><dl>
<dt>What each side was asked</dt><dd><a href="/_control/received?documents=0">/_control/received</a></dd>
<dt>What should become of each deal</dt><dd><a href="/_control/expected">/_control/expected</a></dd>
<dt>The sellers that the authority knows</dt><dd><a href="/_control/businesses">/_control/businesses</a></dd>
<dt>Which webhooks went out</dt><dd><a href="/_control/webhooks">/_control/webhooks</a> and
<a href="/_control/square/webhooks">/_control/square/webhooks</a></dd>
<dt>What each shop sold and gave back</dt><dd><a href="/_control/square/truth">/_control/square/truth</a></dd>
<dt>Square's sellers and their shops</dt><dd><a href="/_control/square/sellers">/_control/square/sellers</a></dd>
<dt>All settings</dt><dd><a href="/_control/settings">/_control/settings</a></dd></dl>"""


class Pages:
    """Answers the paths of the pages; forms are taken from this machine only, and only from these pages."""

    def __init__(self, sandbox: "Sandbox") -> None:
        crm, faults, tills = CrmPages(sandbox), FaultPages(sandbox), TillPages(sandbox)
        self.routes = Routes(
            ("GET", "/", self.home),
            ("GET", "/faults", faults.show),
            ("POST", "/faults", faults.save),
            ("GET", "/square/till", tills.show),
            ("POST", "/square/till", tills.act),
            ("GET", "/hubspot", crm.deals),
            ("POST", "/hubspot/merge", crm.merge),
            ("GET", "/hubspot/deals/{id}", crm.deal),
            ("POST", "/hubspot/deals/{id}", crm.save_deal),
            ("POST", "/hubspot/deals/{id}/lines", crm.add_line),
            ("POST", "/hubspot/deals/{id}/lines/{line}", crm.save_line),
            ("POST", "/hubspot/deals/{id}/companies/{company}", crm.save_company),
        )

    def handle(self, request: Request) -> Response:
        """Answer a call; a form that is done leads back to its page (303)."""
        found = self.routes.find(request.method, split_path(request.path))
        if found is None:
            return html_response(404, page("There is no such page", '<p><a href="/">The sandbox</a></p>', wide=True))
        if request.method == "POST" and not _from_here(request):
            why = "<p>Forms are taken only from this machine, and only from the sandbox's own pages.</p>"
            return html_response(403, page("This form was not accepted", why, wide=True))
        return found[0](request, *found[1])

    def home(self, request: Request) -> Response:
        """GET /."""
        return html_response(200, page("HubSpot, Square and the tax authority, played", HOME, wide=True))


def _from_here(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return ip_address(request.client).is_loopback and site in ("same-origin", "none")
