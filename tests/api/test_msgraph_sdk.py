"""Microsoft's own client for Graph v1.0, unmodified but for its base URL, does everything that the contract lists."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from kiota_abstractions.authentication.anonymous_authentication_provider import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.default_query_parameters import QueryParameters
from kiota_abstractions.multipart_body import MultipartBody
from msgraph.generated.identity_governance.entitlement_management.catalogs.item.resources.item.upload_sessions.count.count_request_builder import (  # noqa: E501
    CountRequestBuilder,
)
from msgraph.generated.identity_governance.entitlement_management.catalogs.item.resources.item.upload_sessions.item.custom_data_provided_resource_upload_session_item_request_builder import (  # noqa: E501
    CustomDataProvidedResourceUploadSessionItemRequestBuilder as SessionBuilder,
)
from msgraph.generated.identity_governance.entitlement_management.catalogs.item.resources.item.upload_sessions.item.files.files_request_builder import (  # noqa: E501
    FilesRequestBuilder,
)
from msgraph.generated.identity_governance.entitlement_management.catalogs.item.resources.item.upload_sessions.upload_sessions_request_builder import (  # noqa: E501
    UploadSessionsRequestBuilder as SessionsBuilder,
)
from msgraph.generated.models.custom_data_provided_resource_access_review_upload_session import (
    CustomDataProvidedResourceAccessReviewUploadSession as UploadSession,
)
from msgraph.generated.models.custom_data_provided_resource_payloads.access_review_context_data import (
    AccessReviewContextData,
)
from msgraph.generated.models.custom_data_provided_resource_upload_session import (
    CustomDataProvidedResourceUploadSession,
)
from msgraph.generated.models.custom_data_provided_resource_upload_status import CustomDataProvidedResourceUploadStatus
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as default_options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.page_iterator import PageIterator

from tests.support.access_files import access_file, faulty_access_file

ListOptions = SessionsBuilder.UploadSessionsRequestBuilderGetQueryParameters
GetOptions = SessionBuilder.CustomDataProvidedResourceUploadSessionItemRequestBuilderGetQueryParameters
FilesOptions = FilesRequestBuilder.FilesRequestBuilderGetQueryParameters
CountOptions = CountRequestBuilder.CountRequestBuilderGetQueryParameters


@dataclass(frozen=True, slots=True)
class Sdk:
    """The SDK's client, its adapter, and its request builder for the sessions of a resource of one's own."""

    adapter: GraphRequestAdapter
    sessions: SessionsBuilder

    def session(self, session_id: str | None) -> SessionBuilder:
        """The request builder of one session."""
        assert session_id
        return self.sessions.by_custom_data_provided_resource_upload_session_id(session_id)

    async def create(self, instance_id: str | None = None) -> CustomDataProvidedResourceUploadSession:
        """A typed create."""
        data = AccessReviewContextData(
            review_definition_id=str(uuid4()), review_instance_id=instance_id or str(uuid4())
        )
        created = await self.sessions.post(UploadSession(data=data))
        assert created is not None
        return created

    async def upload(
        self, session_id: str | None, name: str, content: bytes
    ) -> CustomDataProvidedResourceUploadSession:
        """uploadFile: its builder has no body parameter, so one sets kiota's MultipartBody on its request."""
        body = MultipartBody[bytes]()
        body.add_or_replace_part("file", "text/csv", content, name)
        request = self.session(session_id).upload_file.to_post_request_information()
        request.set_content_from_parsable(self.adapter, "multipart/form-data", body)
        uploaded = await self.adapter.send_async(request, CustomDataProvidedResourceUploadSession, {"XXX": ODataError})
        assert isinstance(uploaded, CustomDataProvidedResourceUploadSession)
        return uploaded


@pytest.fixture
async def sdk(service: str) -> AsyncIterator[Sdk]:
    """Microsoft's client on a resource that nobody has used yet."""
    # What the adapter would make for itself; the SDK cannot close its connections, so that they are our own.
    transport = httpx.AsyncHTTPTransport()
    client = httpx.AsyncClient(transport=transport, timeout=60)
    client = GraphClientFactory.create_with_default_middleware(client=client, options=default_options)
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client)
    adapter.base_url = f"{service}/v1.0"
    entitlements = GraphServiceClient(request_adapter=adapter).identity_governance.entitlement_management
    catalog = entitlements.catalogs.by_access_package_catalog_id(str(uuid4()))
    resource = catalog.resources.by_access_package_resource_id(str(uuid4()))
    yield Sdk(adapter, resource.upload_sessions)
    await transport.aclose()


async def test_create_gives_a_typed_session(sdk: Sdk) -> None:
    reference = str(uuid4())

    session = await sdk.create(reference)

    assert isinstance(session, UploadSession), "@odata.type makes it the derived class"
    assert session.id
    assert session.status is CustomDataProvidedResourceUploadStatus.Active
    assert session.is_upload_done is False
    assert session.reference_id == reference
    assert session.created_date_time is not None
    assert session.created_date_time.utcoffset() == timedelta(0)
    assert isinstance(session.data, AccessReviewContextData)
    assert session.data.review_instance_id == reference
    assert session.stats is not None
    assert (session.stats.files_uploaded, session.stats.total_bytes_uploaded) == (0, 0)
    assert session.files == []


async def test_a_taken_reference_is_an_odata_error(sdk: Sdk) -> None:
    reference = str(uuid4())
    first = await sdk.create(reference)

    with pytest.raises(ODataError) as raised:
        await sdk.create(reference)

    assert raised.value.response_status_code == 409
    error = raised.value.error
    assert error is not None
    assert error.code == "nameAlreadyExists"
    assert error.target == "referenceId"
    assert error.message is not None
    assert str(first.id) in error.message
    assert error.inner_error is not None
    assert error.inner_error.request_id
    assert error.inner_error.client_request_id
    assert error.inner_error.date is not None
    assert str(error.inner_error.additional_data["uploadSessionId"]) == first.id


async def test_upload_sends_kiotas_multipart(sdk: Sdk) -> None:
    session = await sdk.create()
    contents = {"a.csv": access_file(1), "b.csv": access_file(2)}

    for name, content in contents.items():
        updated = await sdk.upload(session.id, name, content)

    assert isinstance(updated, UploadSession)
    assert updated.files is not None
    assert {file.name: file.size for file in updated.files} == {
        name: len(content) for name, content in contents.items()
    }
    assert all(file.id and file.uploaded_date_time for file in updated.files)
    assert updated.stats is not None
    assert updated.stats.files_uploaded == 2
    assert updated.stats.total_bytes_uploaded == sum(map(len, contents.values()))


async def test_findings_are_details_of_an_odata_error(sdk: Sdk) -> None:
    session = await sdk.create()

    with pytest.raises(ODataError) as raised:
        await sdk.upload(session.id, "access.csv", faulty_access_file(3, 5))

    assert raised.value.response_status_code == 400
    error = raised.value.error
    assert error is not None
    assert error.details is not None
    assert error.code == "invalidRequest"
    assert [detail.target for detail in error.details] == ["line 3, permissionId", "line 5, permissionId"]


async def test_get_with_expanded_files(sdk: Sdk) -> None:
    session = await sdk.create()
    for name in ("a.csv", "b.csv"):
        await sdk.upload(session.id, name, access_file())

    async def names(expand: str) -> list[str | None]:
        options = RequestConfiguration(query_parameters=GetOptions(expand=[expand]))
        read = await sdk.session(session.id).get(options)
        assert read is not None
        assert read.files is not None
        return [file.name for file in read.files]

    assert await names("files") == ["a.csv", "b.csv"]
    assert await names("files($filter=name eq 'b.csv')") == ["b.csv"]
    assert await names("files($filter=size gt 1000000)") == []
    assert await names("files($filter=uploadedDateTime ge 2026-01-01T00:00:00Z)") == ["a.csv", "b.csv"]
    assert await names("files($orderby=uploadedDateTime desc)") == ["b.csv", "a.csv"]
    assert await names("files($filter=name ne 'x';$orderby=uploadedDateTime desc)") == ["b.csv", "a.csv"]


async def test_get_with_selected_properties(sdk: Sdk) -> None:
    created = await sdk.create()

    options = RequestConfiguration(query_parameters=GetOptions(select=["id", "status"]))
    session = await sdk.session(created.id).get(options)

    assert session is not None
    assert (session.id, session.status) == (created.id, CustomDataProvidedResourceUploadStatus.Active)
    assert session.created_date_time is None


async def test_a_missing_session_is_an_odata_error(sdk: Sdk) -> None:
    with pytest.raises(ODataError) as raised:
        await sdk.session(str(uuid4())).get()

    assert raised.value.response_status_code == 404
    assert raised.value.error is not None
    assert raised.value.error.code == "itemNotFound"


async def test_list_with_filter_order_top_and_count(sdk: Sdk) -> None:
    created = [await sdk.create() for _ in range(3)]

    options = ListOptions(filter="status eq 'active'", orderby=["createdDateTime desc"], top=2, count=True)
    page = await sdk.sessions.get(RequestConfiguration(query_parameters=options))

    assert page is not None
    assert page.value is not None
    assert [session.id for session in page.value] == [created[2].id, created[1].id]
    assert all(isinstance(session, UploadSession) for session in page.value)
    assert page.odata_count == 3
    assert page.odata_next_link

    assert created[0].reference_id
    by_reference = ListOptions(filter=f"referenceId eq '{created[0].reference_id}'")
    page = await sdk.sessions.get(RequestConfiguration(query_parameters=by_reference))
    assert page is not None
    assert page.value is not None
    assert [session.id for session in page.value] == [created[0].id]


async def test_the_page_iterator_walks_through_all_pages(sdk: Sdk) -> None:
    created = [(await sdk.create()).id for _ in range(5)]
    first = await sdk.sessions.get(RequestConfiguration(query_parameters=ListOptions(top=2)))
    seen: list[str | None] = []

    def note(session: CustomDataProvidedResourceUploadSession) -> bool:
        seen.append(session.id)
        return True

    await PageIterator(first, sdk.adapter).iterate(note)

    assert seen == created


async def test_a_next_link_is_followed_by_its_url(sdk: Sdk) -> None:
    created = [(await sdk.create()).id for _ in range(3)]
    first = await sdk.sessions.get(RequestConfiguration(query_parameters=ListOptions(top=2)))
    assert first is not None
    assert first.odata_next_link

    second = await sdk.sessions.with_url(first.odata_next_link).get()

    assert second is not None
    assert second.value is not None
    assert [session.id for session in second.value] == created[2:]
    assert second.odata_next_link is None


async def test_files_are_listed_read_and_counted(sdk: Sdk) -> None:
    session = await sdk.create()
    content = access_file()
    await sdk.upload(session.id, "a.csv", access_file())
    updated = await sdk.upload(session.id, "b.csv", content)
    assert updated.files is not None
    file_id = updated.files[1].id
    assert file_id
    files = sdk.session(session.id).files

    listed = await files.get()
    assert listed is not None
    assert listed.value is not None
    assert [file.name for file in listed.value] == ["a.csv", "b.csv"]
    filtered = await files.get(RequestConfiguration(query_parameters=FilesOptions(filter="name eq 'b.csv'")))
    assert filtered is not None
    assert filtered.value is not None
    assert [file.id for file in filtered.value] == [file_id]
    file = await files.by_custom_data_provided_resource_file_id(file_id).get()
    assert file is not None
    assert (file.name, file.size) == ("b.csv", len(content))
    assert await files.by_custom_data_provided_resource_file_id(file_id).content.get() == content
    assert await files.count.get() == 2


async def test_sessions_are_counted(sdk: Sdk) -> None:
    for _ in range(2):
        await sdk.create()

    assert await sdk.sessions.count.get() == 2
    complete = CountOptions(filter="status eq 'complete'")
    assert await sdk.sessions.count.get(RequestConfiguration(query_parameters=complete)) == 0


async def test_update_with_a_typed_model(sdk: Sdk) -> None:
    session = await sdk.create()
    await sdk.upload(session.id, "access.csv", access_file())

    updated = await sdk.session(session.id).patch(UploadSession(is_upload_done=True))

    assert isinstance(updated, UploadSession)
    assert updated.status is CustomDataProvidedResourceUploadStatus.Complete
    assert updated.is_upload_done is True


async def test_update_with_the_model_that_was_read(sdk: Sdk) -> None:
    session = await sdk.create()
    await sdk.upload(session.id, "access.csv", access_file())
    expanded = RequestConfiguration(query_parameters=GetOptions(expand=["files"]))
    read = await sdk.session(session.id).get(expanded)
    assert read is not None

    read.is_upload_done = True
    updated = await sdk.session(session.id).patch(read)

    assert updated is not None
    assert updated.status is CustomDataProvidedResourceUploadStatus.Complete


async def test_update_of_an_incomplete_session_is_an_odata_error_unless_preferred(sdk: Sdk) -> None:
    session = await sdk.create()
    done = UploadSession(is_upload_done=True)

    with pytest.raises(ODataError) as raised:
        await sdk.session(session.id).patch(done)
    assert raised.value.response_status_code == 409
    assert raised.value.error is not None
    assert raised.value.error.code == "notAllowed"

    preference: RequestConfiguration[QueryParameters] = RequestConfiguration()
    preference.headers.add("Prefer", "allow-incomplete")
    updated = await sdk.session(session.id).patch(done, preference)
    assert updated is not None
    assert updated.status is CustomDataProvidedResourceUploadStatus.Complete


async def test_delete_answers_nothing(sdk: Sdk) -> None:
    session = await sdk.create()

    await sdk.session(session.id).delete()

    with pytest.raises(ODataError) as raised:
        await sdk.session(session.id).get()
    assert raised.value.response_status_code == 404
