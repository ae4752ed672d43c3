"""The function app: checks the configuration and registers every function."""

import gc
import os
from pathlib import Path

import azure.functions as func

from shared.web.log import quiet_libraries
from shared.web.startup import check_settings

# Before the operations are imported, since some of them read settings, too.
check_settings(os.environ, Path(__file__).parent / "host.json")

import accounts
import audit
import create_session
import deliveries
import directory
import expire_sessions
import files
import get_session
import grants
import meta
import page
import refusals
import resources
import sessions
import update_session
import upload_file
from shared.web.connections import note_connections
from shared.web.pairing import guard_pairing

quiet_libraries()
guard_pairing(os.environ)
note_connections()

# The app checks tokens itself, and Azure no function keys: a browser that opens the page has none.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

for operations in (
    create_session,
    get_session,
    update_session,
    upload_file,
    sessions,
    files,
    refusals,
    deliveries,
    resources,
    accounts,
    grants,
    directory,
    audit,
    meta,
    page,
    expire_sessions,
):
    app.register_functions(operations.blueprint)

# What exists now stays until the process ends, so that later passes need not look at it.
gc.freeze()
