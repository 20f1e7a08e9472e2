"""When this process imported the package, before any of its other modules."""

import time

# A file that has changed since holds other kernels than those of this process (fastrnn.machine.stamp).
IMPORTED_AT = time.time()
