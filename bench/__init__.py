"""The benchmark: what the service adds to the cost of storage, measured side by side in one run.

``python -m bench`` prints a table: each figure of the service, the same work without the service, and their ratio
against a bar. Both sides of a row take turns (A B A B ...), so that a change in the machine's speed affects both.

=====================  =======================================  ====================================================
row                    the service                              against
=====================  =======================================  ====================================================
validator              ``Validator`` fed 64 KiB at a time, in   an absolute bar, by processor time
validator-names        a separate process, bound to one core
validator-quoted
validator-rows         the same with semicolons and other names of   the validator of the
                       columns, and the rows made of it              same rows as they are
get                    GET one session, one after the other     ``get_entity`` of a row like the session's
create                 POST uploadSessions, each for a new      one ``upsert_entity`` and one ``submit_transaction``
                       resource, with a token                   of two inserts
small-upload           uploadFile of 150 kB, a new session for  one ``upload_blob`` (a Put Blob), then one
                       each, on one connection                  ``submit_transaction`` of an insert and an update
upload                 one uploadFile request of a large file,  the same bytes from memory by the SDK's
                       read from a socket that is filled by     ``stage_block`` (4 MiB), 8 at a time, and
                       sendfile(2)                              ``commit_block_list``
get-while-uploading    p99 of GETs, one every 5 ms, while a     p99 of ``get_entity`` at the same pace while another
                       large file is uploaded                   process stages the file's size, 4 blocks at a time
forward                forwarding a session to another service  a copy of its blob into the other account
memory, memory-by-8    growth of the server's peak memory       an absolute bar; "idle" is after one create, one small
                       (VmHWM) by uploads, over its idle peak   upload and one GET, so that clients and modules exist
=====================  =======================================  ====================================================

The service is a process of its own (``python -m local``), and so is the load. The load is cheap on purpose, since it
shares the machine with what it measures. The requests to the service are prepared bytes on plain sockets; those of the
SDK are calls on one long-lived client.

``python -m bench.scale`` is another table: what requests cost by what is stored.

``bench.benchmark`` decides what is measured on what; ``bench.load`` is the process of the load; ``bench.bars`` has the
bars and shows the results. How many calls to storage each operation makes is a test: ``tests/api/test_round_trips.py``.
"""
