"""Writes a file so that a reader, or a crash, finds the old content or the new one, never a part of it.

The content goes to a temporary file next to the target, is synced, and gets its name in one step. Whoever writes a
temporary file holds a lock on it, which ends with the process: what a killed one left is removed by the next write
into the same folder. Where there are no locks (Windows, some network file systems) it stays.
"""

import contextlib
import errno
import os
import re
import stat
import uuid

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# .NAME.PROCESS-RANDOM.fastrnn-tmp
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.fastrnn-tmp")
# What os.link says where the file system has no hard links.
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS}


def write_atomically(path, content, *, overwrite=True):
    """Replace the content of `path` in one step that survives a power cut.

    `content` is bytes, or a function that is given a binary file open for writing. A new file has
    the permissions a plain `open()` would give it, a replaced one keeps its own. A symbolic link
    is followed: what it points to is replaced. overwrite: False leaves whatever has the name alone.

    Returns None. Raises OSError, naming `path`, if it cannot be written or is anything but a regular file (a folder,
    a device, a FIFO, a socket), FileExistsError if it exists and is not to be overwritten, and whatever the given
    function raises; in each case the old file is as it was.
    """
    Replacement(path, content, overwrite=overwrite).close()


class Replacement:
    """As write_atomically, but the lock on the file is held until `close`: see `locked`."""

    def __init__(self, path, content, *, overwrite=True):
        path = os.fspath(path)
        check_regular(path)
        # A link is a name that exists; os.link would not follow it either.
        target = os.path.realpath(path) if overwrite else path
        folder = os.path.dirname(target) or "."
        remove_leftovers(folder)
        # Beside the target, for a rename is atomic only within one file system.
        name = f".{os.path.basename(target)[:100]}.{os.getpid()}-{uuid.uuid4().hex[:8]}.fastrnn-tmp"
        self._file, temporary = None, os.path.join(folder, name)
        try:
            self._file = _locked(temporary)
            content(self._file) if callable(content) else self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
            if fcntl is None:  # no open file can be renamed there
                self.close()
            if overwrite:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(temporary, os.stat(target).st_mode & 0o7777)
                os.replace(temporary, target)
            else:
                _put_in_place(temporary, target)
        except BaseException as error:
            with contextlib.suppress(OSError):
                self.close()
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, OSError) and error.filename in (None, temporary):
                raise OSError(error.errno, error.strerror or str(error), path) from error
            raise
        sync_folder(folder)

    def close(self):
        """Release the lock."""
        if self._file is not None:
            self._file.close()


def check_regular(path):
    """Raise OSError, naming `path`, if it exists and is not a regular file, or if it names a folder."""
    if not os.path.basename(path):
        raise IsADirectoryError(errno.EISDIR, "is a directory, expected the name of a file", path)
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a directory, expected the name of a file", path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {_kind(mode)}, expected a regular file or a free name", path)


def _kind(mode):
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "not a regular file")


def locked(path):
    """Return an existing file, open for writing and with the lock on it, or None if a living process holds that.

    Where there are no locks nobody is known to hold it. The lock ends with the object: an interrupt leaves none behind.
    Raises OSError, naming the path, if the file cannot be opened.
    """
    file = open(path, "r+b", buffering=0, opener=lambda path, flags: _opened_to_lock(path))
    if _is_locked(file) is False:
        file.close()
        return None
    return file


def _opened_to_lock(path):
    # Not blocking, should it be a FIFO.
    return os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))


def _is_locked(file):
    """Return whether the lock on a file, or on its descriptor, could be taken; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return None


def remove_leftovers(folder):
    """Delete the temporary files in a folder that belong to no living process; files that cannot be deleted stay."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    descriptor = _opened_to_lock(entry.path)
                    try:
                        if _is_locked(descriptor):
                            os.unlink(entry.path)
                    finally:
                        os.close(descriptor)


def _locked(path):
    """Return a newly created file, open for writing and locked, so that no other process removes it."""
    while True:
        # open() rather than tempfile, which would give 0600 whatever the umask.
        file = open(path, "xb")
        if fcntl is None:
            return file
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever looks for leftovers may have come before the lock.
            if os.path.exists(path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _put_in_place(temporary, target):
    """Rename the temporary file to `target`, which must be free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "exists", target) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with _folder_locked(os.path.dirname(target) or "."):
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, "exists", target) from None
            os.rename(temporary, target)
    else:
        os.unlink(temporary)


@contextlib.contextmanager
def _folder_locked(folder):
    """Ensure that no other process is in this body for the same folder, as far as the system has locks."""
    if fcntl is None:  # os.rename replaces nothing there
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder):
    """Make a folder's list of files durable, as far as the system can."""
    # A rename or a new file is durable only once the folder is; some systems cannot open or sync one,
    # and by now the file is in place, so that is no failure.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
