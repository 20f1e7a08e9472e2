"""Writes a file so that a reader, or a crash, finds the old one or the new one, never half of one."""

import contextlib
import os
import uuid


def write_atomically(path, content):
    """Replace the file at `path` by `content` in one step that survives a power cut.

    `content` is bytes, or a function that is given a binary file open for writing. A new file has
    the permissions a plain `open()` would give it, a replaced one keeps its own. A symbolic link
    is followed.

    Returns None. Raises OSError, naming `path`, if it cannot be written, and whatever the given
    function raises; in either case the old file is as it was.
    """
    path = os.fspath(path)
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    # Beside the target, for a rename is atomic only within one file system.
    temporary = os.path.join(folder, f".{name[:100]}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        _write_synced(temporary, content)
        _copy_mode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise OSError(error.errno, error.strerror or str(error), path) from error
        raise
    sync_folder(folder)


def _write_synced(path, content):
    # open() rather than tempfile, which would give 0600 whatever the umask.
    with open(path, "xb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _copy_mode(source, destination):
    with contextlib.suppress(FileNotFoundError):
        os.chmod(destination, os.stat(source).st_mode & 0o7777)


def sync_folder(folder):
    """Make durable which files a folder holds, as far as the system can."""
    # A rename or a new file is durable only once the folder is; some systems cannot open or sync one,
    # and by now the file is in place, so that is no failure.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
