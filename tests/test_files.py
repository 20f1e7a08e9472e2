"""A reader finds the old file or the new one; a failure leaves the old one and no litter."""

import errno
import os
import socket
import stat
import subprocess
import sys

import pytest

from fastrnn import files
from fastrnn.files import Replacement, locked, write_atomically


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "net.bin"
    path.write_bytes(b"old")
    return path


def test_bytes_replace_the_file(target):
    assert write_atomically(target, b"new") is None
    assert target.read_bytes() == b"new"
    assert names_in(target.parent) == ["net.bin"]


def test_a_writer_function_gets_the_file_and_the_old_content_stays_until_it_is_done(target):
    def writer(file):
        file.write(b"ne")
        assert target.read_bytes() == b"old"
        file.write(b"w")

    write_atomically(str(target), writer)
    assert target.read_bytes() == b"new"


def test_a_new_file_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("net.bin", b"new")
    assert (tmp_path / "net.bin").read_bytes() == b"new"


@pytest.mark.parametrize("failure", [RuntimeError("half way"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_the_old_file(target, failure):
    def writer(file):
        file.write(b"ne")
        raise failure

    with pytest.raises(type(failure)):
        write_atomically(target, writer)
    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["net.bin"]


def test_a_full_disk_is_an_error_that_names_the_path(target):
    def writer(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError) as caught:
        write_atomically(target, writer)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["net.bin"]


def test_an_error_about_another_file_keeps_that_file_s_name(target, tmp_path):
    other = str(tmp_path / "absent")
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(target, lambda file: open(other))
    assert caught.value.filename == other


def test_a_missing_folder_is_an_error_that_names_the_path(tmp_path):
    path = tmp_path / "absent" / "net.bin"
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(path, b"new")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("kind", ["a directory", "a FIFO", "a socket", "a device", "a device, by a link"])
def test_what_is_no_regular_file_is_refused_and_stays(tmp_path, kind, overwrite):
    path = tmp_path / "net.bin"
    if kind == "a directory":
        path.mkdir()
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "a device":
        path = os.ttyname(os.openpty()[1])
    else:
        path.symlink_to("/dev/null")
    before = os.stat(path)
    with pytest.raises(OSError, match=f"is {kind.partition(',')[0]}") as caught:
        write_atomically(path, b"new", overwrite=overwrite)
    assert caught.value.filename == str(path)
    assert (os.stat(path).st_mode, os.stat(path).st_ino) == (before.st_mode, before.st_ino)
    assert set(names_in(tmp_path)) <= {"net.bin"}


def test_the_name_of_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_atomically(f"{tmp_path}/absent/", b"new")
    assert names_in(tmp_path) == []


def test_a_folder_that_refuses_is_an_error_that_names_the_path(target, monkeypatch):
    # Not by permission bits, which do not hold the superuser back.
    def refuse(path, *arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(PermissionError) as caught:
        write_atomically(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"


def test_the_content_is_on_the_disk_before_the_name_points_to_it(target, monkeypatch):
    order = []
    replace, fsync = os.replace, os.fsync

    def noting_fsync(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        order.append(f"sync {kind}")
        fsync(descriptor)

    def noting_replace(source, destination):
        order.append("replace")
        replace(source, destination)

    monkeypatch.setattr(files.os, "fsync", noting_fsync)
    monkeypatch.setattr(files.os, "replace", noting_replace)
    write_atomically(target, b"new")
    assert order == ["sync file", "replace", "sync folder"]


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_of_a_plain_open(tmp_path, mask, mode):
    path = tmp_path / "net.bin"
    before = os.umask(mask)
    try:
        write_atomically(path, b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(target, tmp_path):
    target.chmod(0o640)
    link = tmp_path / "latest"
    link.symlink_to(target.name)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


# ---- names that are free


def without_links(monkeypatch):
    def refuse(source, destination):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), source, None, destination)

    monkeypatch.setattr(files.os, "link", refuse)


@pytest.mark.parametrize("links", [True, False])
def test_a_free_name_is_taken_and_another_file_left_alone(tmp_path, monkeypatch, links):
    if not links:
        without_links(monkeypatch)
    path = tmp_path / "net.bin"
    write_atomically(path, b"first", overwrite=False)
    with pytest.raises(FileExistsError) as caught:
        write_atomically(path, b"second", overwrite=False)
    assert caught.value.filename == str(path)
    dangling = tmp_path / "link"
    dangling.symlink_to("absent")
    with pytest.raises(FileExistsError):
        write_atomically(dangling, b"third", overwrite=False)
    assert path.read_bytes() == b"first" and names_in(tmp_path) == ["link", "net.bin"]


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_while_the_content_is_written_is_left_alone(tmp_path, monkeypatch, links):
    if not links:
        without_links(monkeypatch)
    path = tmp_path / "net.bin"

    def writer(file):
        file.write(b"mine")
        path.write_bytes(b"other")

    with pytest.raises(FileExistsError):
        write_atomically(path, writer, overwrite=False)
    assert path.read_bytes() == b"other" and names_in(tmp_path) == ["net.bin"]


# ---- kills

# In each folder N of sys.argv, write net.bin in a process that kills itself at its call number N to the system; print
# how it ended.
KILLED = """
import os, signal, sys
from fastrnn import files
overwrite, links = sys.argv[1] == "True", sys.argv[2] == "True"
calls = 0

def counted(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

def refuse(*arguments):
    raise PermissionError(1, "no links", arguments[0])

def writer(file):
    file.write(b"ne")
    file.flush()
    counted(int)()
    file.write(b"w")

for folder in sys.argv[3:]:
    last, child = int(os.path.basename(folder)), os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        continue
    if not links:
        os.link = refuse
    for name in ("fsync", "link", "rename", "replace", "unlink", "chmod", "stat", "open", "scandir"):
        setattr(os, name, counted(getattr(os, name)))
    files.open = counted(open)
    files.fcntl.flock = counted(files.fcntl.flock)
    files.write_atomically(folder + "/net.bin", writer, overwrite=overwrite)
    os._exit(0)
"""


@pytest.mark.parametrize("overwrite, links", [(True, True), (False, True), (False, False)])
def test_a_kill_anywhere_leaves_the_old_file_or_the_new_one_and_the_next_write_removes_the_rest(
    tmp_path, overwrite, links
):
    folders, old = [tmp_path / str(last) for last in range(1, 40)], b"old" if overwrite else None
    for folder in folders:
        folder.mkdir()
        if old:
            (folder / "net.bin").write_bytes(old)
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(files.__file__))}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(overwrite), str(links), *folders],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.split()
    # Each kill came later than the one before, and the last ones too late.
    kills = ended.index(b"0")
    assert ended == [b"-9"] * kills + [b"0"] * (len(folders) - kills)
    outcomes = []
    for folder in folders:
        path = folder / "net.bin"
        content, left = path.read_bytes() if path.exists() else None, len(names_in(folder)) - path.exists()
        write_atomically(folder / "other.bin", b"other")
        assert set(names_in(folder)) <= {"net.bin", "other.bin"}
        outcomes.append((content, left))
    # From the old file, through a temporary one beside it, to the new one.
    assert set(outcomes[:kills]) >= {(old, 0), (old, 1), (b"new", 0)} and set(outcomes) <= {
        (old, 0),
        (old, 1),
        (b"new", 0),
        (b"new", 1),
    }
    assert set(outcomes[kills:]) == {(b"new", 0)}


def test_the_temporary_file_of_a_living_process_is_left_alone(tmp_path):
    def writer(file):
        write_atomically(tmp_path / "other.bin", b"other")
        file.write(b"new")

    write_atomically(tmp_path / "net.bin", writer)
    assert (tmp_path / "net.bin").read_bytes() == b"new" and names_in(tmp_path) == ["net.bin", "other.bin"]


def test_a_temporary_file_that_is_removed_before_its_lock_is_made_once_more(tmp_path, monkeypatch):
    flock, removed = files.fcntl.flock, []

    def late(file, how):
        if not removed:
            (leftover,) = (path for path in tmp_path.iterdir() if path.name.endswith(".fastrnn-tmp"))
            removed.append(leftover.unlink())
        flock(file, how)

    monkeypatch.setattr(files.fcntl, "flock", late)
    write_atomically(tmp_path / "net.bin", b"new")
    assert removed and names_in(tmp_path) == ["net.bin"]


def test_where_a_file_system_has_no_locks_nobody_holds_one_and_leftovers_stay(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    (tmp_path / "net.bin").write_bytes(b"old")
    leftover = tmp_path / ".net.bin.1-0123abcd.fastrnn-tmp"
    leftover.write_bytes(b"half")
    monkeypatch.setattr(files.fcntl, "flock", refuse)
    opened = [locked(tmp_path / "net.bin") for _ in range(2)]
    assert None not in opened
    for each in opened:
        each.close()
    write_atomically(tmp_path / "net.bin", b"new")
    assert (tmp_path / "net.bin").read_bytes() == b"new" and leftover.exists()


def test_files_of_others_are_no_leftovers(tmp_path):
    for name in (
        ".net.bin.1-0123abcd.fastrnn-tmp2",
        "net.bin.1-0123abcd.fastrnn-tmp",
        ".net.bin.x-0123abcd.fastrnn-tmp",
    ):
        (tmp_path / name).write_bytes(b"theirs")
    (tmp_path / ".net.bin.1-0123abcd.fastrnn-tmp").mkdir()
    write_atomically(tmp_path / "net.bin", b"new")
    assert len(names_in(tmp_path)) == 5


def test_a_replacement_holds_the_file_until_it_is_closed(tmp_path):
    path = tmp_path / "net.bin"
    first = Replacement(path, b"1")
    assert locked(path) is None
    second = Replacement(path, b"2")
    first.close()
    assert locked(path) is None
    second.close()
    file = locked(path)
    assert file is not None and locked(path) is None
    file.close()
