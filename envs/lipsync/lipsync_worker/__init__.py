"""The lip-sync worker: a portrait, its landmarks and speech become a talking-head video."""

import os

# A frame needs a few small matrix products: BLAS threads would spin between them and halve the speed.
# Read by OpenBLAS when numpy is first imported, hence here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
