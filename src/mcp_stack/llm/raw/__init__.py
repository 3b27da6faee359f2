"""Models for coding agents: requests go to the provider in its own form.

::

    http_api.py           JSON and server-sent events over HTTP, bounded in time and size
    claude_api.py         Anthropic's Messages API
    openai_api.py         any endpoint that speaks OpenAI's chat completions
    in_process.py         the local llama.cpp model, behind the same form
    tool_text.py          tools as text, for models that were trained on it
"""
