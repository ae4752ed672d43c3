"""Claims on deliveries: one attempt at a time works on a delivery, and holds it by renewing its claim."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from azure.core.exceptions import AzureError

from shared.core.ids import new_id, utc_now
from shared.domain import deliveries
from shared.domain.audit import AuditRecord
from shared.domain.deliveries import Delivery, StoredClaim
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.table import Operation
from shared.storage.resource_partition.deliveries import DeliveryTable, drop_claim


@dataclass(slots=True)
class Claim:
    """A delivery that an attempt has claimed. ``progressed`` if the attempt has brought the target further."""

    table: DeliveryTable
    delivery: Delivery
    _stored: StoredClaim
    progressed: bool = False
    # By the clock of the event loop, which nobody sets.
    _held_until: float = 0
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def take(cls, table: DeliveryTable, delivery: Delivery, now: datetime) -> "Claim | datetime":
        """Claim a delivery. If another attempt has it: when to look at it again."""
        if delivery.claimed_until is not None and delivery.claimed_until > now:
            return delivery.claimed_until
        claim = cls(table, delivery, StoredClaim(delivery.key, delivery.target, new_id(utc_now()), now))
        try:
            await claim._renew()
        except ConcurrentChangeError:
            found = await table.claim(delivery.key, delivery.target)
            if found is None or found.until > now:
                return now if found is None else found.until
            claim._stored = claim._stored._replace(etag=found.etag)
            try:
                await claim._renew()
            except ConcurrentChangeError:
                return now + deliveries.CLAIM
        return claim

    async def remember(self, target_id: str) -> None:
        """Store the id of the target's session.

        Raises:
            ConcurrentChangeError: the delivery changed meanwhile.
        """
        self.delivery = await self.table.update(self.delivery._replace(target_id=target_id))

    async def hold(self, work: Callable[["Claim"], Awaitable[None]], seconds: float) -> None:
        """Work, and renew the claim meanwhile. The work ends when the claim does, whatever storage answers or not.

        Raises:
            ConcurrentChangeError: the claim is over.
            TimeoutError: the work took longer than ``seconds``.
        """
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        working, keeping = asyncio.ensure_future(work(self)), asyncio.ensure_future(self._keep())
        both = {working, keeping}
        try:
            while not any(each.done() for each in both):
                left = min(ends, self._held_until) - clock()
                if left <= 0:
                    raise TimeoutError if ends <= self._held_until else ConcurrentChangeError
                await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            (working if working.done() else keeping).result()
        finally:
            working.cancel()
            try:
                # Not in the middle of a write, after which the claim's ETag would be unknown.
                async with self._writing:
                    pass
            finally:
                keeping.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def end(self, after: Delivery, *changes: Operation | AuditRecord) -> bool:
        """Store the result of the attempt with ``changes``, and let go of the delivery.

        Returns whether it was stored: not if the delivery has changed meanwhile, or another attempt has it.
        """
        try:
            await self.table.update(after, drop_claim(self._stored), *changes)
        except ConcurrentChangeError:
            # The SDK repeats a call whose answer was lost: this may be what it has stored.
            found = await self.table.delivery(after.key, after.target)
            if found is not None and found._replace(etag=after.etag) == after:
                return True
            await self.release()
            return False
        return True

    async def release(self) -> None:
        """Let go of the delivery, unless another attempt has it."""
        found = await self.table.claim(self.delivery.key, self.delivery.target)
        if found is not None and found.attempt_id == self._stored.attempt_id:
            with suppress(ConcurrentChangeError):
                await self.table.remove_claim(found)

    async def _keep(self) -> None:
        """Renew the claim for ever.

        Raises:
            ConcurrentChangeError: another attempt took over.
        """
        while True:
            await asyncio.sleep(deliveries.HOLD.total_seconds() / 3)
            # Until the claim ends there is time for another try.
            with suppress(AzureError):
                await self._renew()

    async def _renew(self) -> None:
        """Hold the delivery longer.

        Raises:
            ConcurrentChangeError: another attempt has it.
        """
        asked = asyncio.get_running_loop().time()
        async with self._writing:
            try:
                self._stored = await self.table.put_claim(self._stored._replace(until=utc_now() + deliveries.CLAIM))
            except ConcurrentChangeError:
                # The SDK repeats a call whose answer was lost: the claim may be this attempt's own.
                found = await self.table.claim(self.delivery.key, self.delivery.target)
                if found is None or found.attempt_id != self._stored.attempt_id:
                    raise
                self._stored = found
        self._held_until = asked + deliveries.HOLD.total_seconds()
