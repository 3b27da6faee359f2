"""PostgreSQL: the embedded server, and the ports that live in its tables.

The embedded server, one idea per file::

    embedded.py        attach to it, release it: who uses it, who starts it, who stops it
    postmaster.py      bring the server process up, shut it down, clear away what a crash left
    processes.py       which processes belong to a data folder
    daemonize.py       the script that becomes `postgres`, in a session of its own
    cluster.py         make a data folder
    configuration.py   the settings, and who may connect
    binaries.py        where the programs of PostgreSQL are
    service_user.py    as whom the server runs
    socket_folder.py   where its socket is
    probe.py           does it answer
    locks.py           locks between processes
"""
