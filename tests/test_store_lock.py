"""Locks: one holder at a time, waited for, gone with the process, granted where there are none."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from ohlora_lib.store import lock
from ohlora_lib.store.lock import take_lock

HOLD = "import sys, time; from ohlora_lib.store.lock import take_lock; "
HOLD += "assert take_lock(sys.argv[1]) is not None; print('held', flush=True); time.sleep(600)"


def test_one_process_holds_a_lock_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    assert take_lock(path) is None
    holder.send_signal(signal.SIGKILL)
    file = take_lock(path, wait=60)
    holder.wait()
    assert file is not None and take_lock(path) is None
    os.close(file)
    assert take_lock(path) is not None


def test_a_link_that_leads_nowhere_is_no_endless_wait(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "moved" / "lock")
    with pytest.raises(FileNotFoundError):
        take_lock(tmp_path / "lock")


def test_a_lock_that_is_given_back_is_had_by_who_waits(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    file = take_lock(path)
    looked = threading.Event()
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: looked.set())
    closer = threading.Thread(target=lambda: (looked.wait(60), os.close(file)))
    closer.start()
    assert take_lock(path, wait=60) is not None and looked.is_set()
    closer.join()


@pytest.mark.parametrize("reason", ["ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"])
def test_without_locks_every_one_is_granted_and_a_line_says_so(
    tmp_path, monkeypatch, capsys, reason
):
    def refuse(*_):
        raise OSError(getattr(errno, reason), "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert None not in (take_lock(tmp_path / "lock"), take_lock(tmp_path / "lock"))
    assert f"{tmp_path / 'lock'} is on a file system without locks" in capsys.readouterr().out


def test_other_failures_are_no_locks(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"):
        take_lock(tmp_path / "lock")


def test_a_file_that_may_only_be_read_can_be_locked(tmp_path, monkeypatch):
    (tmp_path / "lock").touch()
    real = os.open

    def another_users(path, flags, *mode):
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", another_users)
    assert take_lock(tmp_path / "lock") is not None
    assert take_lock(tmp_path / "lock") is None
