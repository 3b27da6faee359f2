"""Adapters of the `ChatModel` port: llama.cpp in this process, any OpenAI-compatible endpoint, and Claude."""
