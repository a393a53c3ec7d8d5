"""The spool when processes are killed, disks fail and directories are shared."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import traceback
import unittest
import warnings
from pathlib import Path
from typing import List, NoReturn
from unittest import mock

import strongroom
from strongroom import Client, Spool
from strongroom.spool import durable
from strongroom.spool.day_file import DayFile
from strongroom.times import today
from harness import PATIENCE_SECONDS, free_port, pass_on, until
from spool_test import SpoolTest

WRITE_BESIDE = durable.write_beside
PROGRAM = Path(__file__).with_name("spooling_process.py")


class Kills(SpoolTest):
    def spooling_process(self) -> "subprocess.Popen[str]":
        url = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, str(PROGRAM), url, str(self.spool), self.tenant]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_k3_a_spooling_process_that_is_killed_loses_nothing_that_it_answered(self) -> None:
        for events in (1, 60):
            process = self.spooling_process()
            assert process.stdout is not None
            answered = [process.stdout.readline().strip() for _ in range(events)]
            process.kill()
            answered += process.stdout.read().splitlines()
            process.wait()
            client = self.drain()
            held = self.server.event_ids(self.tenant)
            self.assertEqual(held, self.event_ids(range(len(held))), "in order, without a gap, once each")
            # One more may have been written than was answered.
            self.assertEqual([event_id for event_id in answered if event_id], held[: len(answered)])
            self.assertLessEqual(len(held), len(answered) + 1)
            client.close()
            ServerTestTenant.renew(self)

    def test_a_second_process_is_told_who_has_the_spool(self) -> None:
        process = self.spooling_process()
        assert process.stdout is not None
        process.stdout.readline()
        with self.assertRaisesRegex(strongroom.SpoolInUse, f"in use by pid {process.pid}"):
            self.offline()
        process.kill()
        process.wait()
        self.drain()

    def test_a_second_client_of_the_same_process_is_refused_too(self) -> None:
        self.offline()
        with self.assertRaises(strongroom.SpoolInUse):
            self.offline()

    def test_a_forked_process_does_not_write_to_its_parents_spool(self) -> None:
        client = self.offline()
        client.submit(self.event(0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                client.submit(self.event(1))
            except strongroom.SpoolInUse:
                client.close(0)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        _, status = os.waitpid(child, 0)
        self.assertEqual(status, 0)
        client.submit(self.event(2))
        client.close(0)
        self.drain()
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (0, 2)])


class ServerTestTenant:
    """Another tenant and another directory within one test."""

    @staticmethod
    def renew(test: SpoolTest) -> None:
        test.tenant += "-again"
        test.spool = test.spool.with_name(test.spool.name + "-again")


class Torn(SpoolTest):
    def test_a_torn_last_line_is_cut_off_and_counted_and_the_rest_arrives(self) -> None:
        whole = json.dumps({"stream": "audit"}).encode()
        for torn in (whole[:-5], whole, whole[:-5] + b"\n", b"\0" * 700, b"x" * (3 << 20), b'{"a":NaN}\n'):
            with self.subTest(torn=torn[:20]):
                self.spool_offline(range(2))
                whole_size = self.file().stat().st_size
                with self.file().open("ab") as file:
                    file.write(torn)
                client = self.offline()
                self.assertEqual(client.status().torn_lines, 1)
                self.assertEqual(client.status().pending_events, 2)
                self.assertEqual(self.file().stat().st_size, whole_size)
                client.submit(self.event(2))
                client.close(0)
                client = self.drain()
                self.assertEqual(client.status().torn_lines, 0)
                client.close()
                self.assert_ledger_holds(range(3))
                ServerTestTenant.renew(self)

    def test_a_file_that_is_nothing_but_a_torn_line_is_empty_after_it(self) -> None:
        self.spool.mkdir()
        self.file().write_bytes(b'{"stream":"au')
        client = self.offline()
        self.assertEqual((client.status().torn_lines, client.status().bytes_on_disk), (1, 0))
        client.submit(self.event(0))
        client.close(0)
        self.drain()
        self.assert_ledger_holds(range(1))

    def test_a_line_that_was_damaged_on_the_disk_is_put_aside_as_a_text(self) -> None:
        self.spool_offline(range(3))
        lines = self.file().read_bytes().splitlines(keepends=True)
        damaged = lines[1][:20] + b"\xff\0" + lines[1][22:]
        self.file().write_bytes(lines[0] + b"\n \r\n" + damaged + b"\n" + lines[2])
        client = self.drain()
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (0, 2)])
        (row,) = self.rejected()
        self.assertEqual(row["event"], damaged.rstrip(b"\n").decode("utf-8", "replace"))
        self.assertEqual(row["reason"]["code"], "spool_line_damaged")
        self.assertEqual(client.status().pending_events, 0)


class Progress(SpoolTest):
    def progress(self) -> Path:
        return self.file().with_name(self.file().name + ".drained")

    def test_what_is_acknowledged_is_not_sent_again_after_a_restart(self) -> None:
        self.spool_offline(range(3))
        self.drain().close()
        self.spool_offline(range(3, 5))
        proxy = self.proxy()
        client = self.client(proxy.url)
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assertEqual([body.count(b"\n") for body in proxy.bodies], [2])
        self.assert_ledger_holds(range(5))

    def test_a_progress_that_is_lost_or_not_believable_only_means_a_replay(self) -> None:
        self.spool_offline(range(3))
        self.drain().close()
        size = self.file().stat().st_size
        for progress in (b"", b"x", b"-1", b"7", str(size + 1).encode(), b"9" * 30, b"\xff"):
            with self.subTest(progress=progress):
                self.progress().write_bytes(progress)
                self.progress().with_name(self.progress().name + ".new").write_bytes(b"half")
                client = self.drain()
                client.close()
                self.assertEqual(self.progress().read_bytes(), str(size).encode())
                self.assertEqual(self.names(), [self.file().name, self.progress().name, "lock", "rejected"])
        self.assert_ledger_holds(range(3))

    def test_the_progress_of_a_file_that_is_gone_does_not_hide_new_events(self) -> None:
        self.spool.mkdir()
        self.progress().write_bytes(b"10")
        client = self.client()
        client.submit(self.event(0))
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(1))
        # The same while it is open: whoever deletes a file by hand leaves its progress.
        self.file("tool").with_name(self.file("tool").name + ".drained").write_bytes(b"10")
        client.submit(self.event(0, stream="tool", tool="search", event_id=f"tool-{self.tenant}"))
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assertEqual(self.server.event_ids(self.tenant, "tool"), [f"tool-{self.tenant}"])

    def test_a_crash_at_any_step_of_giving_room_back_loses_nothing(self) -> None:
        module = "strongroom.spool.durable."
        steps = {module + "write_beside": 3, module + "remove": 3, module + "sync_directory": 0, "os.rename": 0}
        for step, first_sent in steps.items():
            with self.subTest(step=step):
                self.spool_offline(range(5))
                file = DayFile(self.file())
                done = file.next_slice()
                assert done is not None
                first = type(done)(done.lines[:3], sum(len(line) + 1 for line in done.lines[:3]), 3)
                file.note_progress(first)
                file.settle(first)
                with mock.patch(step, side_effect=_crash):
                    with self.assertRaises(_Crash):
                        file.reclaim()
                file.close()
                self.drain().close()
                held = self.server.event_ids(self.tenant)
                # What had been acknowledged was never sent here, so it is there only where it is sent again.
                self.assertEqual(held, self.event_ids(range(first_sent, 5)))
                ServerTestTenant.renew(self)


class Disks(SpoolTest):
    def test_a_file_whose_name_may_not_survive_a_crash_takes_no_more_events(self) -> None:
        self.spool_offline(range(2))
        file = DayFile(self.file())
        self.addCleanup(file.close)
        with mock.patch("strongroom.spool.durable.sync_directory", side_effect=[OSError(errno.EIO, "no")]):
            with self.assertRaises(OSError):
                file.reclaim()
        with self.assertRaises(OSError):
            file.append([b"{}"])
        self.assertEqual(self.file().read_bytes().count(b"\n"), 2)

    def test_room_that_cannot_be_given_back_is_told_and_loses_no_count(self) -> None:
        self.spool_offline(range(4))
        with mock.patch("strongroom.spool.durable.write_beside", side_effect=_fail_beside) as beside:
            client = self.client(bytes_max=100)
            self.assertTrue(client.flush(PATIENCE_SECONDS))
            until(lambda: client.status().last_error, "the rewriting that fails")
            self.assertEqual(client.status().pending_events, 0)
            self.assertGreater(client.status().bytes_on_disk, 0)
        self.assertGreaterEqual(beside.call_count, 2)
        client.close()
        client = self.client(bytes_max=self.file().stat().st_size + 400)
        client.submit(self.event(4))
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        until(lambda: client.status().bytes_on_disk == 0, "the room")
        self.assert_ledger_holds(range(5))

    def test_an_event_that_could_not_be_synced_is_not_answered_and_not_sent(self) -> None:
        client = self.offline()
        client.submit(self.event(0))
        with mock.patch("strongroom.spool.durable.sync", side_effect=OSError(errno.EIO, "as the test says")):
            with self.assertRaisesRegex(strongroom.SpoolError, "as the test says"):
                client.submit(self.event(1))
        self.assertEqual(self.file().read_bytes().count(b"\n"), 1)
        client.submit(self.event(2))
        client.close(0)
        self.drain()
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (0, 2)])

    def test_half_a_line_on_a_full_disk_does_not_spoil_the_next_one(self) -> None:
        client = self.offline()
        client.submit(self.event(0))
        full: List[int] = []

        def write_half(descriptor: int, content: bytes) -> None:
            full.append(os.write(descriptor, content[: len(content) // 2]))
            raise OSError(errno.ENOSPC, "no space left")

        with mock.patch("strongroom.spool.durable.write_all", write_half):
            with self.assertRaisesRegex(strongroom.SpoolError, "no space left"):
                client.submit(self.event(1))
        self.assertTrue(full)
        client.submit(self.event(2))
        client.close(0)
        self.drain()
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (0, 2)])

    def test_progress_that_cannot_be_written_is_told_and_tried_again(self) -> None:
        self.spool_offline(range(3))
        proxy = self.proxy(pass_on)
        with mock.patch("strongroom.spool.durable.replace", side_effect=OSError(errno.EIO, "as the test says")):
            client = self.client(proxy.url)
            self.assertFalse(client.flush(0.3))
            self.assertIn("as the test says", client.status().last_error or "")
            self.assertEqual(client.status().pending_events, 3)
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(3))

    def test_a_directory_that_cannot_be_used_is_an_error_of_its_own(self) -> None:
        (self.directory / "file").write_text("")
        with self.assertRaises(strongroom.SpoolError):
            Client(self.server.url, "t", spool=Spool(self.directory / "file"))
        with self.assertRaises(ValueError):
            Spool(self.spool, bytes_max=0)
        self.assertEqual(len(today()), 10)


def _fail_beside(path: Path, content: bytes) -> Path:
    """Progress can be written, and a file of events cannot be rewritten."""
    if path.suffix == ".drained":
        return WRITE_BESIDE(path, content)
    raise OSError(errno.ENOSPC, "no space left")


class _Crash(BaseException):
    pass


def _crash(*arguments: object) -> NoReturn:
    raise _Crash


if __name__ == "__main__":
    unittest.main()
