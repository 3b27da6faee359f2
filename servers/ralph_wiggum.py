"""Runs Ralph Wiggum over stdio, for AI clients that start a script."""

import sys

from mcp_stack.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", "ralph-wiggum", *sys.argv[1:]]))
