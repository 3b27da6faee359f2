"""Runs AIDB over stdio, for AI clients that start a script."""

import sys

from mcp_stack.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", "aidb", *sys.argv[1:]]))
