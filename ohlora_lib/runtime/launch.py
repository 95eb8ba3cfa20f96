"""torchrun for one job of the workflow: python -m ohlora_lib.runtime.launch PROCESSES SCRIPT.

Its processes have told the job's log what failed (`runtime.jobs`), so that its own account of that
 is left out: a traceback of its own, hints to its documentation.
"""

import logging
import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

if __name__ == "__main__":
    processes, script = sys.argv[1:]
    logging.disable(logging.ERROR)
    try:
        main(["--standalone", f"--nproc-per-node={processes}", script])
    except ChildFailedError as error:
        number, failure = error.get_first_failure()
        if failure.exitcode < 0:  # by a signal, so that it could say nothing
            print(
                f"error: process {number} of this training was ended by {failure.signal_name()}, "
                "perhaps for want of memory; run snakemake again to go on"
            )
        sys.exit(1)
