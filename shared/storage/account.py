"""The storage account of this process: which rows are in which table, and who reads and writes them."""

import asyncio
from dataclasses import dataclass

from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings, settings
from shared.storage.audit_log import AuditLog
from shared.storage.azure.blobs import BlobStore
from shared.storage.azure.connections import Names
from shared.storage.azure.queue import DeliveryQueue
from shared.storage.azure.table import Table, connect_tables
from shared.storage.catalog_partition.accounts import AccountTable
from shared.storage.catalog_partition.descriptions import DescriptionTable
from shared.storage.catalog_partition.grants import GrantTable
from shared.storage.directory.parts import DirectoryParts
from shared.storage.directory.rows import DirectoryTable
from shared.storage.indexes.access import AccessIndex
from shared.storage.indexes.callers import CallerIndex
from shared.storage.indexes.due_sessions import DueSessions
from shared.storage.indexes.target_notes import TargetNotes
from shared.storage.indexes.timer_note import TimerNote
from shared.storage.resource_partition.deliveries import DeliveryTable
from shared.storage.resource_partition.sessions import SessionTable

# Partitions of the expiry index for each hour: one handles up to 2,000 entities a second ("Scalability and performance
# targets for Table storage").
EXPIRY_SHARDS = 4


@dataclass(slots=True, eq=False, weakref_slot=True)
class Storage:
    """What is stored in one account, by the table, container or queue that has it.

    - ``uploadsessions``: ``sessions`` (with files, refusals, references) and ``deliveries`` (with events) of a resource
    - ``grants``: ``grants``, ``descriptions`` and ``accounts`` of a catalog; ``directory``, which is the current one
    - both: ``audit``, a record in the partition of each change; ``activity``, partitions with records of an hour
    - ``expiry``: ``due_expiries``, when the timer must visit a session; ``timer_note``; and
      ``target_notes``, what the targets of deliveries have asked for
    - ``deliveries``: ``due_deliveries``, when the timer must look at a session's deliveries if its message was lost
    - ``access``: ``access``, which resources a principal may see
    - ``callers``: ``callers``, which sessions a caller created
    - container ``uploads``: ``blobs``, and ``directory_parts``
    - queue ``deliveries``: ``queue``, whose messages wake the function that delivers
    """

    sessions: SessionTable
    deliveries: DeliveryTable
    grants: GrantTable
    descriptions: DescriptionTable
    accounts: AccountTable
    directory: DirectoryTable
    directory_parts: DirectoryParts
    audit: AuditLog
    due_expiries: DueSessions
    timer_note: TimerNote
    target_notes: TargetNotes
    due_deliveries: DueSessions
    access: AccessIndex
    callers: CallerIndex
    blobs: BlobStore
    queue: DeliveryQueue
    _service: TableServiceClient

    @classmethod
    def connect(cls, config: Settings) -> "Storage":
        """The storage account of the settings. No request is sent yet."""
        service = connect_tables(config)
        names = Names.prefixed(config.name_prefix)
        sessions, expiry, activity, grants, access, callers, deliveries = (
            Table(service, name) for name in names.tables
        )
        audit, blobs = AuditLog(sessions, grants, activity), BlobStore.connect(config)
        return cls(
            sessions=SessionTable(sessions, audit),
            deliveries=DeliveryTable(sessions, audit),
            grants=GrantTable(grants, audit),
            descriptions=DescriptionTable(grants, audit),
            accounts=AccountTable(grants, audit),
            directory=DirectoryTable(grants, audit),
            directory_parts=DirectoryParts(blobs),
            audit=audit,
            due_expiries=DueSessions(expiry, shards=EXPIRY_SHARDS),
            timer_note=TimerNote(expiry, config),
            target_notes=TargetNotes(expiry, config),
            due_deliveries=DueSessions(deliveries),
            access=AccessIndex(access),
            callers=CallerIndex(callers),
            blobs=blobs,
            queue=DeliveryQueue(config, names.deliveries),
            _service=service,
        )

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self._service.close(), self.blobs.close(), self.queue.close())


_storage: Storage | None = None


def storage() -> Storage:
    """The storage account of the settings. What is missing in it is created by the first call that needs it.

    Raises:
        StorageNotConfiguredError: the settings name none.
    """
    global _storage  # noqa: PLW0603  # one per process, as Azure recommends for its clients
    if _storage is None:
        _storage = Storage.connect(settings())
    return _storage


async def close_storage() -> None:
    """Close the clients of this process when the host shuts down. The next call of ``storage`` creates new ones."""
    global _storage  # see above
    closing, _storage = _storage, None
    if closing is not None:
        await closing.close()
