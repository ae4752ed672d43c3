"""The function app: checks the configuration and registers every function."""

import gc
import os
from pathlib import Path

import azure.functions as func

from shared.web.log import quiet_libraries
from shared.web.startup import check_settings

# Before the operations are imported, since some of them read settings, too.
check_settings(os.environ, Path(__file__).parent / "host.json")

import create_session
import expire_sessions
import get_session
import page
import update_session
import upload_file
from audit import list_audit
from deliveries import deliver_session, redeliver_session
from files import count_files, delete_file, get_file, get_file_value, list_files, validate_file
from grants import delete_grant, list_grants, put_grant
from meta import get_health, get_openapi, wrong_path
from refusals import delete_refusal, list_refusals
from resources import delete_resource, get_resource, list_resources, put_resource
from sessions import count_sessions, delete_session, list_sessions
from shared.web.pairing import guard_pairing

quiet_libraries()
guard_pairing(os.environ)

# The app checks tokens itself, and Azure no function keys: a browser that opens the page has none.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

for operation in (
    create_session,
    list_sessions,
    count_sessions,
    get_session,
    update_session,
    delete_session,
    upload_file,
    validate_file,
    list_files,
    count_files,
    get_file,
    get_file_value,
    delete_file,
    list_refusals,
    delete_refusal,
    redeliver_session,
    put_grant,
    list_grants,
    delete_grant,
    put_resource,
    get_resource,
    list_resources,
    delete_resource,
    list_audit,
    get_openapi,
    get_health,
    page,
    wrong_path,
    expire_sessions,
    deliver_session,
):
    app.register_functions(operation.blueprint)

# What exists now stays until the process ends, so that later passes need not look at it.
gc.freeze()
