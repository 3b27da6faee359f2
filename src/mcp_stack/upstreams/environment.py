"""What a server that we start sees of our environment: an allow-list, for ours holds keys and passwords."""

from __future__ import annotations

from collections.abc import Mapping

from ..ports.upstreams import STARTED_BY_A_GATEWAY, Upstream

# Where programs and their caches are, how they speak, and how they reach the network.
PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "NVM_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


def server_environment(upstream: Upstream, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server.

    Args:
        upstream: One of ours gets all of it, for it has the same settings.
        environ: Ours.
    """
    passed = environ if upstream.ours else {name: environ[name] for name in PASSED_ON if environ.get(name)}
    fallback = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return {**fallback, **passed, **upstream.environment, STARTED_BY_A_GATEWAY: "1"}
