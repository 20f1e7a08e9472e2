"""A reader finds the old file or the new one; a failure leaves the old one and no litter."""

import errno
import os
import stat

import pytest

from fastrnn import files
from fastrnn.files import write_atomically


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


def test_a_folder_in_the_place_of_the_file_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "net.bin"
    path.mkdir()
    with pytest.raises(OSError) as caught:
        write_atomically(path, b"new")
    assert caught.value.filename == str(path)
    assert names_in(tmp_path) == ["net.bin"]


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
