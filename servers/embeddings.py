"""Runs the embeddings server over stdio, for AI clients that start a script."""

import sys

from mcp_stack.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", "embeddings", *sys.argv[1:]]))
