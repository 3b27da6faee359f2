"""Where adapters are chosen: the only package that knows them all.

Nothing is opened, and no heavy library imported, before it is needed: a server answers `tools/list` with none of this.
"""

from .stack import Stack

__all__ = ["Stack"]
