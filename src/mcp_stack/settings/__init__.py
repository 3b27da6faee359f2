"""One settings tree: every key of config.yaml and ralph.yaml, with where its value came from."""

from .loading import LoadedSettings, config_folder, load_settings
from .tree import Settings

__all__ = ["LoadedSettings", "Settings", "config_folder", "load_settings"]
