"""Microsoft's Graph SDK, unmodified, against this service: create a session, upload a file, mark the session as done.

Usage: graph_sdk.py [URL of the service]
"""

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.multipart_body import MultipartBody
from msgraph.generated.models.custom_data_provided_resource_access_review_upload_session import (
    CustomDataProvidedResourceAccessReviewUploadSession as UploadSession,
)
from msgraph.generated.models.custom_data_provided_resource_payloads.access_review_context_data import (
    AccessReviewContextData,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

FILE = Path(__file__).parent / "crm-access.csv"


async def main(service: str) -> None:
    """Take one file through a whole session, and print the session's state after each step."""
    # A service that requires tokens takes a provider of azure-identity here, with the scope of its own registration.
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider())
    adapter.base_url = f"{service}/v1.0"
    entitlements = GraphServiceClient(request_adapter=adapter).identity_governance.entitlement_management
    catalog = entitlements.catalogs.by_access_package_catalog_id("5b1f3f0e-7c58-4d0b-9a57-0a4f2d8c6e11")
    resource = catalog.resources.by_access_package_resource_id("c2a7d9a4-3f0e-4b8a-8a4e-6d1f0b9e7a22")

    review = AccessReviewContextData(review_definition_id=str(uuid4()), review_instance_id=str(uuid4()))
    created = await resource.upload_sessions.post(UploadSession(data=review))
    assert created is not None
    assert created.id is not None
    print(created.id, created.status)

    # The SDK's uploadFile has no parameter for the body: it is set on the request.
    session = resource.upload_sessions.by_custom_data_provided_resource_upload_session_id(created.id)
    body = MultipartBody[bytes]()
    body.add_or_replace_part("file", "text/csv", FILE.read_bytes(), FILE.name)
    request = session.upload_file.to_post_request_information()
    request.set_content_from_parsable(adapter, "multipart/form-data", body)
    uploaded = await adapter.send_async(request, UploadSession, {"XXX": ODataError})
    assert isinstance(uploaded, UploadSession)
    print([(file.name, file.size) for file in uploaded.files or []])

    done = await session.patch(UploadSession(is_upload_done=True))
    assert done is not None
    print(done.id, done.status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7071"))
