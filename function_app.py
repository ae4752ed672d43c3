"""The app: refuses to start unprotected, and registers the blueprint of each operation."""

import os

import azure.functions as func

from count_files import blueprint as count_files
from count_sessions import blueprint as count_sessions
from create_session import blueprint as create_session
from delete_grant import blueprint as delete_grant
from delete_session import blueprint as delete_session
from expire_sessions import blueprint as expire_sessions
from get_file import blueprint as get_file
from get_file_value import blueprint as get_file_value
from get_openapi import blueprint as get_openapi
from get_session import blueprint as get_session
from list_audit import blueprint as list_audit
from list_files import blueprint as list_files
from list_grants import blueprint as list_grants
from list_sessions import blueprint as list_sessions
from put_grant import blueprint as put_grant
from shared.auth import check_configuration
from shared.log import quiet_libraries
from shared.settings import settings
from unknown_path import blueprint as unknown_path
from update_session import blueprint as update_session
from upload_file import blueprint as upload_file
from validate_file import blueprint as validate_file

check_configuration(settings(), os.environ)
quiet_libraries()

app = func.FunctionApp(
    http_auth_level=func.AuthLevel.FUNCTION if settings().function_keys else func.AuthLevel.ANONYMOUS
)

for blueprint in (
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
    put_grant,
    list_grants,
    delete_grant,
    list_audit,
    get_openapi,
    unknown_path,
    expire_sessions,
):
    app.register_functions(blueprint)
