"""The name by which this program was called, so that the commands it prints can be pasted."""

import os
import shlex
import shutil
import sys


def program():
    """Return `fastrnn`, where the shell finds this program under that name; else how it was called, such as
    `.venv/bin/fastrnn`."""
    called = sys.argv[0] if os.path.splitext(os.path.basename(sys.argv[0]))[0] == "fastrnn" else ""
    # The command is in the folder of the environment's Python.
    script = called or os.path.join(os.path.dirname(sys.executable), "fastrnn")
    if _is_found("fastrnn", script):
        return "fastrnn"
    return _spelled(called) if called else f"{python()} -m fastrnn"


def python():
    """Return the command of the Python that runs this program."""
    name = os.path.basename(sys.executable)
    return name if _is_found(name, sys.executable) else _spelled(sys.executable)


def install(package):
    """Return the command that installs another package."""
    return f"{python()} -m pip install {package}"


def quoted(text):
    """Return a text as one types it in a shell, with escapes for characters that could control a terminal, or that no
    file can hold."""
    if text.isprintable():
        return shlex.quote(text)
    # Three octal digits end before whatever follows.
    spelled = (
        f"\\{c}" if c in "'\\" else c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(spelled)}'"


def _is_found(name, path):
    """Return whether the shell finds the file at `path` when it is given a bare name."""
    found = shutil.which(name)
    # By its place, not by what it is: the Python of an environment is often a link to that of the system.
    return found is not None and _place(found) == _place(path)


def _place(path):
    return os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))


def _spelled(path):
    """Return a path as one would type it here: relative where it lies below the current directory."""
    if os.path.isabs(path):
        relative = os.path.relpath(path)
        path = path if relative.startswith(os.pardir) else relative
    return quoted(path if os.path.dirname(path) else os.path.join(os.curdir, path))
