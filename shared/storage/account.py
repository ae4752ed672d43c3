"""The storage clients of this process, created at the first request."""

import asyncio
from dataclasses import dataclass

from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings, settings
from shared.storage.access_index import AccessIndex
from shared.storage.audit_log import AuditLog
from shared.storage.blobs import BlobStore
from shared.storage.delivery_queue import DeliveryQueue
from shared.storage.delivery_table import DeliveryTable
from shared.storage.grant_table import GrantTable
from shared.storage.names import Names
from shared.storage.quotas import Quotas
from shared.storage.resource_table import ResourceTable
from shared.storage.session_table import SessionTable
from shared.storage.table import Table
from shared.storage.table_calls import connect_tables
from shared.storage.time_index import TimeIndex
from shared.storage.time_limits import TimeLimits

# Partitions of the expiry index for each hour: one handles up to 2,000 entities a second ("Scalability and performance
# targets for Table storage").
EXPIRY_SHARDS = 4


@dataclass(slots=True)
class Storage:
    """The tables and the container of one account.

    ``expiry`` says when the timer must visit a session. ``outbox`` says the same of sessions that have deliveries, in
    case the message that wakes the function is lost; its row is written before the transaction with the delivery.
    """

    tables: TableServiceClient
    table: SessionTable
    expiry: TimeIndex
    outbox: TimeIndex
    blobs: BlobStore
    grants: GrantTable
    access: AccessIndex
    resources: ResourceTable
    audit: AuditLog
    quotas: Quotas
    time_limits: TimeLimits
    deliveries: DeliveryTable
    queue: DeliveryQueue

    @classmethod
    def connect(cls, config: Settings) -> "Storage":
        """The storage account of the settings. No request is sent yet."""
        service = connect_tables(config)
        names = Names.prefixed(config.name_prefix)
        sessions, expiry, activity, grants, access, callers, deliveries = (
            Table(service, name) for name in names.tables
        )
        audit = AuditLog(sessions, grants, activity)
        table = SessionTable(sessions, audit)
        return cls(
            tables=service,
            table=table,
            expiry=TimeIndex(expiry, shards=EXPIRY_SHARDS),
            outbox=TimeIndex(deliveries),
            blobs=BlobStore.connect(config),
            grants=GrantTable(grants, audit),
            access=AccessIndex(access),
            resources=ResourceTable(grants, audit),
            audit=audit,
            quotas=Quotas(callers, table, config),
            time_limits=TimeLimits(expiry, config),
            deliveries=DeliveryTable(sessions, audit),
            queue=DeliveryQueue(config, names.deliveries),
        )

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self.tables.close(), self.blobs.close(), self.queue.close())


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
