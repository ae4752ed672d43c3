"""Claims on deliveries: one attempt at a time works on a delivery, and holds it by renewing its claim."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError

from shared.core.ids import new_id, utc_now
from shared.domain.audit import AuditRecord
from shared.domain.deliveries import CLAIM, Delivery, claimed, released
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.table import Operation
from shared.storage.resource_partition.deliveries import DeliveryTable


@dataclass(slots=True)
class Claim:
    """A delivery that an attempt has claimed, as it was stored last.

    ``changed`` if there is something more to deliver since then, or if somebody asked for it again.
    """

    table: DeliveryTable
    delivery: Delivery
    changed: bool = False
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def take(cls, table: DeliveryTable, delivery: Delivery) -> "Claim | None":
        """Claim a delivery; ``None`` if another attempt was faster, or it has changed, which has its own message."""
        now = utc_now()
        wanted = claimed(delivery, new_id(now), now)
        try:
            return cls(table, await table.update(wanted))
        except ConcurrentChangeError:
            # The SDK repeats a call whose answer was lost: the claim may be this attempt's own.
            found = await table.delivery(delivery.key, delivery.target)
            return cls(table, found) if found is not None and found.claimed_by == wanted.claimed_by else None

    async def remember(self, target_id: str) -> None:
        """Store the id of the target's session.

        Raises:
            ConcurrentChangeError: the delivery changed meanwhile.
        """
        async with self._writing:
            self.delivery = await self.table.update(self.delivery._replace(target_id=target_id))

    async def hold(self, work: Callable[["Claim"], Awaitable[None]], seconds: float) -> None:
        """Work, and renew the claim meanwhile. The work ends when the claim is lost.

        Raises:
            ConcurrentChangeError: another attempt took over.
            TimeoutError: the work took longer than ``seconds``.
        """
        working, renewing = asyncio.ensure_future(work(self)), asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({working, renewing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            elif renewing.done():
                renewing.result()
            else:
                raise TimeoutError
        finally:
            working.cancel()
            # Not in the middle of a write, after which the delivery's ETag would be unknown.
            async with self._writing:
                renewing.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def end(self, after: Delivery, *changes: Operation | AuditRecord) -> Delivery | None:
        """Store the result of the attempt with ``changes``, or release the delivery if it has changed.

        Returns the delivery as it is then; ``None`` if it is not known.
        """
        if self.changed:
            return await self.release()
        try:
            return await self.table.update(after, *changes)
        except ConcurrentChangeError:
            return await self.release()

    async def release(self) -> Delivery | None:
        """Release the delivery unless another attempt holds it. Returns it as it is then; ``None`` if not known."""
        found = await self.table.delivery(self.delivery.key, self.delivery.target)
        if found is None or found.claimed_by != self.delivery.claimed_by:
            return found
        try:
            return await self.table.update(released(found))
        except ConcurrentChangeError:
            # Changed at this moment: that change has its own message.
            return None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(CLAIM.total_seconds() / 3)
            try:
                async with self._writing:
                    await self._renew_once()
            except AzureError:
                # Until the claim ends there is time for another try.
                if self.delivery.claimed_until is None or utc_now() >= self.delivery.claimed_until:
                    raise ConcurrentChangeError from None

    async def _renew_once(self) -> None:
        """Hold the delivery longer.

        Raises:
            ConcurrentChangeError: another attempt took over.
        """
        until = utc_now() + CLAIM
        try:
            self.delivery = await self.table.update(self.delivery._replace(claimed_until=until))
        except ConcurrentChangeError:
            found = await self.table.delivery(self.delivery.key, self.delivery.target)
            if found is None or found.claimed_by != self.delivery.claimed_by:
                raise
            self.changed = True
            self.delivery = await self.table.update(found._replace(claimed_until=until))
