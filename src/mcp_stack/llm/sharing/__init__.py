"""One process of a machine holds a local model and answers for the others, over a private unix socket.

::

    shared_model.py   the model as its users see it, whoever holds it
    holder.py         the process that holds it: the socket's server
    asking.py         a process that does not: one request, one connection
    meeting_point.py  where they meet: the lock, the socket, and who is at its other end
    frames.py         what goes over the socket: JSON objects with their length before them
    speed_note.py     the measured speed, written down for those who choose a model while none runs
    wire.py           requests and replies as JSON
"""
