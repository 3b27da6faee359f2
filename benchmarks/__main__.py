"""`make bench`: every benchmark on the development data, one after the other."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("startup", "embedding", "retrieval", "tools", "scanning", "routing", "cache", "latency", "loop", "chaos")

if __name__ == "__main__":
    failed = 0
    for module in MODULES:
        print(f"\n== {module}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{module}"], check=False).returncode
    sys.exit(failed)
