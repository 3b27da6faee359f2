"""Model files from the network.

::

    download.py      a file, resumed after every cut, checked before it gets its name
    source.py        where it comes from: allowed addresses, redirects, what the server says about the file
    partial_file.py  the part that is here already, and its checksum so far
"""
