"""What holds for all tests."""

import os

# As in the workflow's jobs: one thread each. Another number of threads gives other last bits, and
# small networks are slower with more. Set before torch is first imported.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
