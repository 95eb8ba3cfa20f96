"""What holds for all tests."""

import os

# As in the workflow's jobs: one thread each. With more, matrix products can differ from call to
# call in their last bit, and small networks are slower. Set before torch is first imported.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
