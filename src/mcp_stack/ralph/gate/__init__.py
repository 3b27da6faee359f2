"""The model proxy that agents talk to, on the loopback.

::

    gate.py            opens accesses, and the endpoint with the first of them
    access.py          one agent's key, budget and count
    listening.py       the HTTP server, in the worker's event loop
    endpoint.py        requests and replies over HTTP: keys, limits, agents that go away
    forwarding.py      a call carried to the model and back: provider limits waited out, what it took counted
    boundary.py        what would have the provider reach a network
    counting.py        tokens, read from replies and events
    refusals.py        errors in the form of either API
    from_openai.py     a request of OpenAI's API for Claude
    from_anthropic.py  a request of Anthropic's API for the others
    replies.py         whole replies, from either form to the other
    streams.py         the events of a reply, from either form to the other
"""
