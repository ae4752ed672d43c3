"""Takes a file through a session with the client that openapi-python-client generates: ``session.py URL FILE``.

It prints what ``session.ts`` prints.
"""

import io
import json
import sys
from pathlib import Path
from uuid import uuid4

from uploads_api import Client
from uploads_api.api.graph import (
    create_session,
    get_file_value,
    get_session,
    list_sessions,
    update_session,
    upload_file,
)
from uploads_api.models import (
    CreateSessionBody,
    ErrorAnswer,
    ReviewData,
    SessionEntity,
    SessionEntityStatus,
    UpdateSession,
    UploadedSession,
    UploadFileBody,
)
from uploads_api.types import File

service, path = sys.argv[1], Path(sys.argv[2])
with Client(base_url=service, raise_on_unexpected_status=True) as client:
    resource = {"catalog_id": uuid4(), "resource_id": uuid4(), "client": client}

    review = ReviewData(review_definition_id=uuid4(), review_instance_id=uuid4())
    created = create_session.sync_detailed(**resource, body=CreateSessionBody(data=review))
    session = created.parsed
    assert isinstance(session, SessionEntity)
    assert created.headers["Location"].endswith(str(session.id))

    faulty = UploadFileBody(file=File(io.BytesIO(b"nothing"), path.name, "text/csv"))
    refused = upload_file.sync(**resource, session_id=session.id, body=faulty)
    assert isinstance(refused, ErrorAnswer)

    with path.open("rb") as content:
        body = UploadFileBody(file=File(content, path.name, "text/csv"))
        uploaded = upload_file.sync(**resource, session_id=session.id, body=body)
    assert isinstance(uploaded, UploadedSession)

    etag = get_session.sync_detailed(**resource, session_id=session.id).headers["ETag"]
    update = UpdateSession(is_upload_done=True)
    complete = update_session.sync(**resource, session_id=session.id, body=update, if_match=etag)
    assert complete.status is SessionEntityStatus.COMPLETE

    read = get_session.sync(**resource, session_id=session.id, expand="files")
    listed = list_sessions.sync(**resource, filter_="status eq 'complete'", count=True)
    value = get_file_value.sync(**resource, session_id=session.id, file_id=read.files[0].id)
    result = {
        "refused": [detail.target for detail in refused.error.details],
        "files": [[file.name, file.size, file.uploads_row_count] for file in read.files],
        "count": listed.odata_count,
        "listed": [each.id == session.id for each in listed.value],
        "bytes": len(value.payload.read()),
    }
    print(json.dumps(result))
