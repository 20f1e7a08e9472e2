"""The caches of this processor, as the system describes them."""

import functools
from pathlib import Path
from typing import NamedTuple

# In a cache's folder.
FILES = ("level", "type", "size", "shared_cpu_list")
# Of the nearest cache for data, where the system does not say.
LEAST_KILOBYTES = 32


class Cache(NamedTuple):
    """A cache of one core: level, kind ("Data", "Instruction", "Unified"), kB, number of cores that share it."""

    level: int
    kind: str
    size: int
    shared: int

    @property
    def text(self):
        size = f"{self.size // 1024} MB" if self.size % 1024 == 0 else f"{self.size} kB"
        shared = f", of {self.shared} cores" if self.shared > 1 else ""
        return f"L{self.level}{'' if self.kind == 'Unified' else f' {self.kind.lower()}'} {size}{shared}"


def caches(root="/", core=0):
    """Return the Caches of a core as Linux lists them below `root`, none elsewhere; those without a size are left out
    (Documentation/ABI/testing/sysfs-devices-system-cpu)."""
    found = []
    for folder in sorted(Path(root, "sys/devices/system/cpu", f"cpu{core}", "cache").glob("index*")):
        try:
            level, kind, size, shared = ((folder / name).read_text(encoding="ascii").strip() for name in FILES)
            spans = [list(map(int, part.split("-"))) for part in shared.split(",")]
            cache = Cache(int(level), kind, int(size.removesuffix("K")), sum(span[-1] - span[0] + 1 for span in spans))
        except (OSError, ValueError):
            continue
        # Virtual machines know of some caches no more than that they exist.
        if cache.size > 0:
            found.append(cache)
    return found


@functools.cache
def nearest_bytes():
    """Return the bytes of a core's nearest cache for data."""
    sizes = [each.size for each in caches() if each.level == 1 and each.kind in ("Data", "Unified")]
    return 1024 * min(sizes, default=LEAST_KILOBYTES)
