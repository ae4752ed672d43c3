"""The app: registers the blueprint of each operation, and nothing else."""

import azure.functions as func

from count_files import blueprint as count_files
from count_sessions import blueprint as count_sessions
from create_session import blueprint as create_session
from delete_session import blueprint as delete_session
from expire_sessions import blueprint as expire_sessions
from get_file import blueprint as get_file
from get_file_value import blueprint as get_file_value
from get_session import blueprint as get_session
from list_files import blueprint as list_files
from list_sessions import blueprint as list_sessions
from unknown_path import blueprint as unknown_path
from update_session import blueprint as update_session
from upload_file import blueprint as upload_file
from validate_file import blueprint as validate_file

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

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
    unknown_path,
    expire_sessions,
):
    app.register_functions(blueprint)
