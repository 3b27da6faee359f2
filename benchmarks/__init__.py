"""What `make bench` measures."""

import os

# As the product's processes have it; see cli/startup.py. Before NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
