"""What the audit log remembers of table ``activity``, which storage can lose."""

from uuid import uuid4

from azure.data.tables import TableServiceClient

from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey, Review
from shared.services.sessions.creating import create_session
from shared.services.uploads.receiving import upload
from tests.support.access_files import access_file
from tests.support.in_process import FORM, form_body, own_context
from tests.support.invariants import Storage


async def test_rows_of_a_table_that_was_deleted_are_written_again_with_the_next_one(storage: Storage) -> None:
    first, second = (ResourceKey(str(uuid4()), str(uuid4())) for _ in range(2))
    review = Review(str(uuid4()), str(uuid4()))
    async with own_context(storage, name_prefix="lost") as context:
        session = await create_session(context, first, review)
        with TableServiceClient.from_connection_string(storage.connection_string) as tables:
            tables.delete_table("lostactivity")
            await upload(context, session.key, form_body(access_file(), "access.csv"), FORM, Conditions())

            await create_session(context, second, review)

            places = {row["RowKey"] for row in tables.get_table_client("lostactivity").list_entities()}

    assert places == {f"{key.catalog_id}_{key.resource_id}" for key in (first, second)}
