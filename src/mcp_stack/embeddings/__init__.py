"""Adapters of the `Embedder` port: in-process, in torch, over HTTP, and a cache around any of them."""
