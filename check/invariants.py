"""The invariants of ``docs/invariants.md``, by whose numbers the messages go, as reading an account shows them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from check.account import Account, Contents, Row
from shared.core.ids import id_time
from shared.domain.audit import file_details
from shared.domain.directory import DIRECTORIES
from shared.domain.sessions import ResourceKey, mark_of
from shared.models.manifest import manifest
from shared.models.serializers import file_json
from shared.storage.azure.blobs import MANIFEST
from shared.storage.azure.packed import unpacked
from shared.storage.indexes.access import TENANT
from shared.storage.resource_partition.rows import complement, file_of, session_of

# The first word of the audit record of each final state. An active session has only that of its creation.
_DONE = {"complete": "complete", "expired": "expire", "deleted": "delete"}

# The details of audit records, by activity and outcome.
Details = dict[tuple[str, str], list[dict[str, Any]]]

# How long an index row may be overdue: several ticks of the timer.
PATIENCE = timedelta(hours=1)


def violations(contents: Contents, account: Account, *, quick: bool = False, swept: bool = False) -> Iterator[str]:
    """A message for every broken invariant of one resource.

    Args:
        contents: of the resource.
        account: to read its blobs from.
        quick: do not read the files' bytes.
        swept: the timer has processed everything, so that nothing may be left over.
    """
    if contents.catalog == DIRECTORIES.catalog_id:
        return  # see check.directory
    sessions = contents.rows["session"]
    for kind, rows in contents.rows.items():
        for key in rows:
            if kind in ("file", "refusal") and key.split(":")[0] not in sessions:
                yield f"1: {kind} {key} belongs to no session"
    deleted = {row["SessionId"] for row in contents.rows["audit"].values() if row["Activity"] == "deleteSession"}
    for session in sorted(contents.blobs.keys() - sessions.keys() - deleted):
        yield f"1: session {session} has blobs, but neither a row nor a record of its deletion: restore its rows"
    for session in sessions:
        yield from _broken_files(contents, session, account, quick=quick)
        yield from _broken_stats(contents, session)
        yield from _broken_manifest(contents, session, account)
    for key in contents.rows["newest"]:
        if (session := complement(key)) not in sessions:
            yield f"16: the row newest:{key} is of session {session}, which does not exist: delete the row"
    yield from _broken_last_complete(contents)
    yield from _broken_receipts(contents)
    yield from _broken_references(contents)
    yield from _leftovers(contents, swept=swept)
    yield from _missing_records(contents, account)
    yield from _broken_deliveries(contents, datetime.now(UTC))


def unlisted(account: Account, catalog: str = "") -> Iterator[str]:
    """A message for every grant and description that lists do not find, of every catalog or of one."""
    for visible in account.visible(catalog):
        if account.is_indexed(visible):
            continue
        resource = "the whole catalog" if visible.resource is None else f"resource {visible.resource}"
        place = f"{resource} of catalog {visible.catalog}"
        if visible.principal == TENANT:
            yield f"11: {place} has a name, but no index row, so that no list has it: put the name again"
        else:
            what = f"the grant of {visible.principal} for {place}"
            yield f"11: {what} has no index row, so that no list has it: put the grant again"


def _broken_files(contents: Contents, session: str, account: Account, *, quick: bool) -> Iterator[str]:
    blobs = contents.blobs.get(session, {})
    for file, row in contents.of_session("file", session).items():
        stored = file_of(row)
        for each, blob in zip((stored, stored.as_rows), stored.blobs, strict=False):
            if not blobs.get(blob):
                yield f"1: file {file} of session {session} has no blob {blob}"
            elif not quick:
                expected = (each.size, each.sha256)
                found = account.digest(f"{contents.folder}/{session}/{blob}")
                if found is None:
                    yield f"1: file {file} of session {session}: blob {blob} was removed during the check: run it again"
                elif found != expected:
                    yield f"1: file {file} of session {session}: blob {blob} has {found}, the row has {expected}"


def _broken_stats(contents: Contents, session: str) -> Iterator[str]:
    row = contents.rows["session"][session]
    rows = contents.of_session("file", session)
    files, mark = rows.values(), str(UUID(int=mark_of(rows)))
    stated = (number(row["FilesUploaded"]), number(row["TotalBytes"]))
    counted = (len(files), sum(number(file["Size"]) for file in files))
    if stated != counted:
        yield f"2: session {session}: the row has (files, bytes) {stated}, the files add up to {counted}"
    if row.get("FilesMark", mark) != mark:
        yield f"2: session {session}: its row has the mark of other files than those that have rows"
    names = [file["Name"] for file in files]
    if len(set(names)) != len(names):
        yield f"3: session {session} has two files with the same name: {len(names)} files, {len(set(names))} names"
    if set(names) & {refusal["Name"] for refusal in contents.of_session("refusal", session).values()}:
        yield f"3: session {session} has a name with an accepted file and an open refusal"
    refusals = len(contents.of_session("refusal", session))
    if number(row["OpenRefusals"]) != refusals:
        yield f"4: session {session} has {refusals} refusals, but its row says {row['OpenRefusals']}"


def _broken_manifest(contents: Contents, session: str, account: Account) -> Iterator[str]:
    there = contents.blobs.get(session, {}).get(MANIFEST)
    row = contents.rows["session"][session]
    if row["Status"] != "complete":
        if there:
            yield f"6: session {session} is {row['Status']} and has a manifest"
        return
    files = contents.of_session("file", session)
    if row.get("FilesRemoved"):
        if (files or there) and session not in contents.index:
            yield f"6: session {session} has no more files to keep, and no index row makes the timer delete the rest"
        return
    if not there:
        if files and session not in contents.index:
            yield f"6: session {session} is complete and has no manifest, and no index row makes the timer write it"
        return
    stored = session_of(ResourceKey(contents.catalog, contents.resource), row)
    written = account.read(f"{contents.folder}/{session}/{MANIFEST}")
    if written is None:
        yield f"6: the manifest of session {session} was removed during the check: run it again"
    elif written != manifest(stored, [*map(file_of, files.values())]):
        yield f"6: the manifest of session {session} differs from its rows"


def _broken_last_complete(contents: Contents) -> Iterator[str]:
    for last in contents.rows["lastcomplete"].values():
        session = last["SessionId"]
        row = contents.rows["session"].get(session, {})
        rows = sum(number(file["Rows"]) for file in contents.of_session("file", session).values())
        if row.get("Status") != "complete":
            yield f"15: the last complete session is {session}, which is {row.get('Status', 'not there')}"
        elif not row.get("FilesRemoved") and number(last["Rows"]) != rows:
            yield f"15: the last complete session {session} has {rows} rows, and {number(last['Rows'])} are noted"


def _broken_receipts(contents: Contents) -> Iterator[str]:
    for session, row in contents.rows["session"].items():
        if "SealedFiles" not in row:
            continue  # not complete, or completed by a version that stored none
        receipt = contents.rows["receipt"].get(session)
        files = [file_of(each) for each in contents.of_session("file", session).values()]
        listed = [] if receipt is None else json.loads(unpacked(receipt))
        noted = (row["SealedFiles"], number(row["SealedRows"]), number(row["SealedBytes"]))
        if noted != (len(listed), *(sum(each[name] for each in listed) for name in ("@uploads.rowCount", "size"))):
            yield f"19: session {session} was completed with (files, rows, bytes) {noted}, and its receipt lists others"
        elif not row.get("FilesRemoved") and listed != [*map(file_json, files)]:
            yield f"19: the receipt of session {session} differs from its files"


def _broken_references(contents: Contents) -> Iterator[str]:
    holders = {reference: row["SessionId"] for reference, row in contents.rows["reference"].items()}
    living = {
        session: row["ReferenceId"].lower()
        for session, row in contents.rows["session"].items()
        if row["Status"] in ("active", "complete")
    }
    for session, reference in living.items():
        if holders.get(reference) != session:
            yield f"5: session {session} does not hold its reference {reference}: {holders.get(reference)} does"
    for reference, holder in holders.items():
        if living.get(holder) != reference:
            yield f"5: reference {reference} is held by {holder}, which is not an active or complete session of it"


def _leftovers(contents: Contents, *, swept: bool) -> Iterator[str]:
    """Leftovers of crashes, which are allowed only while the timer is due to visit their session."""
    sessions = contents.rows["session"]
    now = datetime.now(UTC)
    for session, blobs in contents.blobs.items():
        files = {name for row in contents.of_session("file", session).values() for name in file_of(row).blobs}
        manifest = {MANIFEST} if sessions.get(session, {}).get("Status") == "complete" else set()
        left = sorted(blobs.keys() - files - manifest)
        if left and (swept or session not in contents.index):
            yield f"7: session {session} has blobs without a row that nothing will delete ({len(left)}): {left[0]}"
    for session, row in sessions.items():
        settled = row["Status"] == "complete" or (
            row["Status"] == "expired" and not contents.of_session("file", session)
        )
        if session not in contents.index and not settled:
            yield f"8: session {session} is {row['Status']}, and no index row makes the timer visit it"
    for session, due in contents.index.items():
        if swept and session not in sessions:
            yield f"9: an index row of {due:%Y-%m-%d %H:%M} for session {session}, which does not exist"
        elif due < now - PATIENCE:
            yield f"9: the timer was due to visit session {session} at {due:%Y-%m-%d %H:%M}: check that it runs"


def _missing_records(contents: Contents, account: Account) -> Iterator[str]:
    of_session: dict[str, list[Row]] = defaultdict(list)
    for row in contents.rows["audit"].values():
        of_session[row["SessionId"]].append(row)
    for session, row in contents.rows["session"].items():
        done = Counter(record["Activity"] for record in of_session[session])
        expected = {"createSession"} | {f"{_DONE[status]}Session" for status in _DONE if status == row["Status"]}
        expected |= {"removeFiles"} if row.get("FilesRemoved") else set()
        for activity in sorted(expected):
            if done[activity] != 1:
                yield f"10: session {session} is {row['Status']} and has {done[activity]} audit records of {activity}"
        yield from _broken_file_records(contents, session, _details(of_session[session]))
    for hour in sorted({f"{id_time(record):%Y%m%d%H}" for record in contents.rows["audit"]}):
        if not account.had_activity(hour, f"{contents.catalog}_{contents.resource}"):
            yield f"10: a query by time does not find the audit records of hour {hour}"


def _broken_file_records(contents: Contents, session: str, details: Details) -> Iterator[str]:
    row, files = contents.rows["session"][session], contents.of_session("file", session)
    accepted = {record["fileId"]: record for record in details["uploadFile", "success"]}
    deleted = {record["fileId"] for record in details["deleteFile", "success"]}
    refused = {record["name"] for record in details["uploadFile", "refused"]}
    for file, file_row in files.items():
        stored = file_of(file_row)
        if accepted.get(file) != file_details(stored) | {"rows": stored.rows}:
            yield f"10: file {file} of session {session} has no audit record, or another one"
        if file in deleted:
            yield f"10: file {file} of session {session} exists, although an audit record says that it was deleted"
    if row["Status"] == "active" or (row["Status"] == "complete" and not row.get("FilesRemoved")):
        for file in sorted(accepted.keys() - deleted - files.keys()):
            yield f"10: file {file} of session {session} is missing, and no audit record says that it was deleted"
    for refusal in contents.of_session("refusal", session).values():
        if refusal["Name"] not in refused:
            yield f"10: a refusal of session {session} has no audit record"


def _details(records: list[Row]) -> Details:
    details: Details = defaultdict(list)
    for record in records:
        details[record["Activity"], record["Outcome"]].append(json.loads(record["Details"]))
    return details


def _broken_deliveries(contents: Contents, now: datetime) -> Iterator[str]:
    """Of the deliveries and events of one resource."""
    ended = {(record["SessionId"], *_end(record)) for record in contents.rows["audit"].values()}
    for key, row in contents.rows["delivery"].items():
        session, _, target = key.partition(":")
        delivery = f"the delivery of session {session} to {target}"
        if row["State"] == "pending":
            yield from _broken_wait(delivery, contents.waiting.get(session), now)
            continue
        if key in contents.rows["claim"] and contents.rows["claim"][key]["Until"] < now:
            yield f"14: {delivery} is {row['State']}, and an attempt has not let go of it"
        if target == "graph" and row["State"] == "delivered" and not row.get("UpstreamId"):
            yield f"14: {delivery} is delivered, and it is not known to which session there"
        outcome = "success" if row["State"] == "delivered" else "refused"
        if (target == "graph" or outcome == "refused") and (session, target, outcome) not in ended:
            yield f"10: {delivery} is {row['State']} and has no audit record of that"
    waiting = {key.split(":")[0] for key in contents.rows["event"]}
    for session in sorted(waiting):
        state = contents.rows["delivery"].get(f"{session}:events", {}).get("State")
        if state not in ("pending", "failed"):
            yield f"13: events of session {session} wait, and nothing sends them: their delivery is {state}"


def _broken_wait(delivery: str, due: datetime | None, now: datetime) -> Iterator[str]:
    if due is None:
        yield f"12: {delivery} is pending, and no index row makes the timer look at it: deliver it again"
    elif due < now - PATIENCE:
        yield f"12: {delivery} waits since {due:%Y-%m-%d %H:%M}: check that the timer runs, and that there is a target"


def _end(record: Row) -> tuple[Any, Any]:
    """The target and the outcome of a record of a delivery that has ended."""
    details = json.loads(record["Details"]) if record["Activity"] == "deliverSession" else {}
    return details.get("target"), record["Outcome"]


def number(value: Any) -> int:
    """The value of an Int64 property, which the SDK wraps, or of an Int32 one."""
    return int(getattr(value, "value", value))
