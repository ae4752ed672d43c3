"""The page at ``/`` of the local host: what runs here, and where its API and documents are.

It belongs to this host and not to the app: in Azure the Functions host has a page of its own at ``/``.
"""

from html import escape

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

NAME = "Upload sessions for access data"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>{name}</h1>
<p>Version {version}, on this machine. Start with <code>python3 dev.py demo</code> and the README.</p>
<ul>
{links}
</ul>
</html>
"""


def front_page(request: Request, version: str) -> Response:
    """The page, as HTML for a browser and as JSON for everything else."""
    root = str(request.base_url).rstrip("/")
    links = {
        "api": f"{root}/v1.0/identityGovernance/entitlementManagement",
        "openapi": f"{root}/v1.0/uploads/openapi",
        "openapiOfBeta": f"{root}/beta/uploads/openapi",
        "health": f"{root}/uploads/health",
        "documentation": "https://learn.microsoft.com/graph/api/resources/customdataprovidedresourceuploadsession",
    }
    headers = {"Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        items = "\n".join(f'<li>{name}: <a href="{escape(url)}">{escape(url)}</a></li>' for name, url in links.items())
        return HTMLResponse(_PAGE.format(name=NAME, version=version, links=items), headers=headers)
    return JSONResponse({"name": NAME, "version": version, **links}, headers=headers)
