"""The benchmark: what the service adds to the cost of storage, measured side by side in one run.

``python -m bench`` starts an Azurite, the service as a separate process (``python -m local``), and another process
that makes the load. It prints a table: each figure of the service, the same work without the service, and their ratio
against a bar. Both sides of a row alternate (A B A B ...), so that a change in the machine's speed affects both.

=====================  =======================================  ====================================================
row                    the service                              against
=====================  =======================================  ====================================================
upload, upload-large   one uploadFile request of a valid file,  the same bytes from memory by the SDK's asynchronous
                       read from a socket that is filled by     ``stage_block`` (4 MiB) and ``commit_block_list``,
                       sendfile(2)                              1, 2, 4, 8 at a time, whichever has the best median
small-upload           uploadFile of 150 kB, a new session for  one ``upload_blob`` (a Put Blob), then one
                       each, on one connection                  ``submit_transaction`` of an insert and an update
many-uploads           ten uploadFile requests into one         ``upload_blob`` and ``submit_transaction`` ten times,
                       session, four at a time                  four at a time; its update has no condition
get                    GET one session, one after the other     ``get_entity`` of a row like the session's
create                 POST uploadSessions, one after the       one ``upsert_entity`` and one ``submit_transaction``
                       other                                    of two inserts
create-cold            the same for a new resource each, with   the same
                       a token
authentication         what a token adds to a GET               an absolute bar
telemetry              GET with telemetry                       GET without
get-by-16              the same GET by 16 connections           ``get_entity`` by 16 tasks on one client
get-while-uploading    p99 of GETs, one every 5 ms, while a     p99 of ``get_entity`` at the same pace while another
                       large file is uploaded                   process stages the file's size, 4 blocks at a time
forward                forwarding a session to another service  a copy of its blob into the other account
memory, memory-by-8    growth of the server's peak memory       an absolute bar; "idle" is after one create, one small
                       (VmHWM) by uploads, over its idle peak   upload and one GET, so that clients and modules exist
client                 ``accup send --complete`` of one file,   curl: create, uploadFile of one file after the
client-many            of 40 files; starting Python included    other, PATCH
validator              ``Validator`` fed 64 KiB at a time, in   an absolute bar, by processor time
validator-names        a separate process, bound to one core
validator-quoted
import                 ``import function_app``, module caches   importing the storage SDKs (aio), pydantic and FastAPI
                       warm
=====================  =======================================  ====================================================

Three more rows have tables of their own, without bars:

operations
    Every operation on its cold path (``bench.operations``), by a caller with a permission for the tenant and by one
    with a grant only: p50, its ratio to raw ``get_entity`` calls in between, and its calls to storage, all of them and
    those one after the other. The calls are counted in a second pass, by the spans of the service's own telemetry, so
    that counting does not cost time in the first.
worker
    Requests to Microsoft's worker library with the app in it (``bench.worker``), where it runs in Azure, against the
    local host and against the SDKs. Only with Python 3.13 or newer, for which the library exists.
instances
    GETs and creates by 16 connections to 1, 2 and 4 processes of the service, each with a load process of its own,
    against as many processes that call the SDKs, on the same account.

The load is cheap on purpose, since it shares the machine with what it measures. The requests to the service are
prepared bytes on plain sockets; those of the SDK are calls on one long-lived client.

``bench.benchmark`` decides what is measured on what; ``bench.load`` is the process of the load, whose rows are in
``bench/rows``; ``bench.tables``, ``bench.bars`` and ``bench.side_tables`` show the results.
"""
