"""`python -m mcp_stack` is the `mcp-stack` command."""

import sys

from .cli import main

sys.exit(main())
