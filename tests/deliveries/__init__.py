"""Deliveries under faults: every storage call and every HTTP call of a completion and its delivery, made to fail.

The service runs in this process, on tables of its own and on a clock that can be moved. It delivers to another instance
of the service, or to a stand-in for Microsoft Graph, and to a receiver of events. After each fault time moves on, and
the end has to be the same: one complete session upstream that is equal to ours, and every event at least once, in
order.

========================  ============================================================================================
``here``                  the service in this process, with its queue
``http_faults``           the faults in the calls to a target; those in the calls to storage are ``tests.faults``'
``receiver``              a receiver of events
``cases``                 what a case does, and what must be true at its end
``kills``                 the cases in which the process is killed, in processes of their own
========================  ============================================================================================
"""
