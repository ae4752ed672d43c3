"""Applications' own lists of accounts: takes, reads and removes them."""

from collections.abc import AsyncIterator

from shared.access_data.people.exceptions import read_accounts, write_accounts
from shared.access_data.people.lists import ListError
from shared.core.errors import ACCOUNTS_NOT_FOUND, BODY_TOO_LARGE, GraphError
from shared.domain.accounts import AccountList
from shared.domain.audit import Activity, new_record
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey
from shared.models.list_body import ListBody
from shared.services.changes import change
from shared.services.context import Context
from shared.services.directory.refusing import refused_list
from shared.storage.azure.packed import MAX_PACKED_BYTES

# UTF-16 takes twice as many bytes as what is stored.
_MAX_BODY_BYTES = 2 * MAX_PACKED_BYTES


async def get_accounts(context: Context, key: ResourceKey) -> AccountList:
    """The list of a resource.

    Raises:
        GraphError: 404.
    """
    accounts = await context.storage.accounts.get(key)
    if accounts is None:
        raise GraphError(
            ACCOUNTS_NOT_FOUND,
            "This resource has no list of accounts: all of them are matched with the directory. PUT stores one.",
        )
    return accounts


async def put_accounts(
    context: Context, key: ResourceKey, body: AsyncIterator[bytes], content_type: str | None, conditions: Conditions
) -> AccountList:
    """Take a list, which replaces the one that is there; returns it as it is stored.

    It holds for uploads that begin afterwards.

    Raises:
        GraphError: 400 with the lines of faults, 412, 413, 415; 404 if it was removed again before its answer could be
            read.
    """
    try:
        accounts = read_accounts(await _received(context, body, content_type))
    except ListError as error:
        raise refused_list("The list of accounts", error.findings) from None
    content = write_accounts(accounts.items())
    if len(content) > MAX_PACKED_BYTES:
        raise _too_large()
    stored, given = context.storage.accounts, AccountList(content, len(accounts))
    record = new_record(Activity.PUT_ACCOUNTS, key, context.actor, accounts=given.accounts)

    async def attempt() -> AccountList:
        present = await stored.get(key)
        conditions.check(present.etag if present else None)
        return await stored.put(key, given, record, replaced=present.etag if present else None)

    return await change(context, attempt) or await get_accounts(context, key)


async def delete_accounts(context: Context, key: ResourceKey, conditions: Conditions) -> None:
    """Remove the list of a resource. What was uploaded stays as it is.

    Raises:
        GraphError: 404, 412.
    """
    record = new_record(Activity.DELETE_ACCOUNTS, key, context.actor)

    async def attempt() -> None:
        present = await get_accounts(context, key)
        conditions.check(present.etag)
        await context.storage.accounts.delete(key, present.etag, record)

    await change(context, attempt)


async def _received(context: Context, body: AsyncIterator[bytes], content_type: str | None) -> bytes:
    form = ListBody(content_type, max_form_bytes=context.settings.max_form_bytes)
    content = bytearray()
    async for piece in body:
        for data in form.feed(piece):
            content += data
            if len(content) > _MAX_BODY_BYTES:
                raise _too_large()
    form.close()
    return bytes(content)


def _too_large() -> GraphError:
    limit = MAX_PACKED_BYTES // 1024
    return GraphError(BODY_TOO_LARGE, f"The list of accounts is larger than {limit} KiB in UTF-8, which is the limit.")
