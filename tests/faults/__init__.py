"""Every storage call of every operation, made to fail in every way.

Each case prepares a session, lets one operation run, makes one of its storage calls fail, repeats the request as a
client would until it is answered, and then checks what is stored. The number of calls is not written down anywhere:
an operation runs with its first call failing, then its second, until it ends without having reached the failing one.

========================  ============================================================================================
``operations``            the operations: what they need, what they do, what must be stored afterwards
``transport``             the faults, in front of the transport of the storage SDKs
``service``               the app in this process, on a clock that can be moved
``answers``               the cases in which the process goes on
``kills``                 the cases in which the process is killed, each in processes of its own
``__main__``              a process that runs them; ``test_faults`` starts one of each kind per worker
========================  ============================================================================================
"""
