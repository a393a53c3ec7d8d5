"""The spool across outages: what is in it, in what order it reaches the ledger, and what is refused there."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
import unittest
from typing import Any, Dict, List
from unittest import mock

import strongroom
from strongroom import Client, Receipt, Spool, Spooled
from strongroom.spool import durable
from strongroom.times import today
from harness import PATIENCE_SECONDS, answer_text, answer_with, lose_answer, lose_request, pass_on, until
from spool_test import SpoolTest


class Outages(SpoolTest):
    def test_events_of_an_outage_reach_the_ledger_in_their_order_and_once(self) -> None:
        client = self.client()
        self.server.end()
        for number in range(50):
            answer = client.submit(self.event(number))
            self.assertEqual(answer, Spooled(f"{self.tenant}-{number}"))
        status = client.status()
        self.assertEqual(status.pending_events, 50)
        self.assertEqual(status.pending_bytes, self.file().stat().st_size)
        self.assertEqual(status.oldest_occurred_at, "2026-04-22T02:30:15Z")
        self.assertFalse(client.flush(0.01))
        until(lambda: client.status().last_error, "an attempt that fails")
        self.server.start()
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(50))
        status = client.status()
        self.assertEqual((status.pending_events, status.pending_bytes, status.last_error), (0, 0, None))

    def test_append_goes_to_the_server_and_to_the_spool_only_when_that_cannot_be_reached(self) -> None:
        client = self.client()
        self.assertIsInstance(client.append(self.event(0)), Receipt)
        self.server.end()
        spooled = client.append(self.event(1))
        assert isinstance(spooled, Spooled)
        self.assertEqual(spooled.event_id, f"{self.tenant}-1")
        self.assertTrue(spooled.reason)
        with self.assertRaises(strongroom.Unavailable):
            client.append_all([self.event(2)])
        with self.assertRaises(strongroom.Unavailable):
            client.begin_operation(self.event(2, outcome=None))
        self.server.start()
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(2))

    def test_what_the_server_refuses_at_once_is_not_spooled(self) -> None:
        client = self.client()
        with self.assertRaises(strongroom.Invalid):
            client.append(self.event(0, action="login"))
        self.assertEqual(client.status().pending_events, 0)

    def test_an_answer_that_is_lost_is_a_replay_and_no_second_entry(self) -> None:
        self.spool_offline(range(3))
        proxy = self.proxy(lose_answer, answer_with(503, "overloaded", {"Retry-After": "0"}), lose_request)
        self.assertTrue(self.client(proxy.url).flush(PATIENCE_SECONDS))
        self.assertEqual(len(set(proxy.bodies)), 1)
        self.assertGreaterEqual(len(proxy.bodies), 4)
        self.assert_ledger_holds(range(3))

    def test_batches_are_bounded_by_events_and_by_bytes(self) -> None:
        client = self.offline()
        threads = [threading.Thread(target=self.submit_tools, args=(client, start)) for start in range(0, 2_400, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(40):
            client.submit(self.event(number, metadata={"text": "x" * 60_000}))
        client.close(0)
        proxy = self.proxy()
        self.assertTrue(self.client(proxy.url).flush(PATIENCE_SECONDS))
        self.assertTrue(all(body.count(b"\n") <= 1_000 and len(body) <= 1 << 20 for body in proxy.bodies))
        self.assertEqual(sorted(body.count(b"\n") for body in proxy.bodies), [6, 17, 17, 400, 1_000, 1_000])
        self.assert_ledger_holds(range(40))
        self.assertEqual(len(set(self.server.event_ids(self.tenant, "tool"))), 2_400)

    def submit_tools(self, client: Client, start: int) -> None:
        for number in range(start, start + 300):
            client.submit(self.event(number, stream="tool", tool="search", event_id=f"tool-{self.tenant}-{number}"))

    def test_streams_have_files_of_their_own_and_each_keeps_its_order(self) -> None:
        client = self.offline()
        for number in range(10):
            client.submit(self.event(number))
            client.submit(self.event(number, stream="tool", tool="search", event_id=f"tool-{self.tenant}-{number}"))
        client.close(0)
        self.assertEqual(self.file().read_bytes().count(b"\n"), 10)
        self.assertEqual(self.file("tool").read_bytes().count(b"\n"), 10)
        self.drain()
        self.assert_ledger_holds(range(10))
        expected = [f"tool-{event_id}" for event_id in self.event_ids(range(10))]
        self.assertEqual(self.server.event_ids(self.tenant, "tool"), expected)

    def test_concurrent_submits_share_a_sync(self) -> None:
        client = self.offline()
        syncs: List[int] = []
        sync = durable.sync
        gate = threading.Event()

        def slow_sync(descriptor: int) -> None:
            syncs.append(descriptor)
            gate.wait(PATIENCE_SECONDS)
            sync(descriptor)

        with mock.patch("strongroom.spool.durable.sync", slow_sync):
            threads = [threading.Thread(target=client.submit, args=(self.event(number),)) for number in range(20)]
            for thread in threads:
                thread.start()
            spooler = client._spooler
            assert spooler is not None
            until(lambda: len(spooler._writer._queue) + len(syncs) >= 2, "events that queue behind the first sync")
            until(lambda: len(spooler._writer._queue) >= 20 - 5, "the rest")
            gate.set()
            for thread in threads:
                thread.join()
        self.assertLessEqual(len(syncs), 3)
        self.assertEqual(client.status().pending_events, 20)

    def test_a_client_that_is_dropped_loses_nothing_and_leaves_no_lock(self) -> None:
        client = Client(self.server.url, "sr_wrong", spool=Spool(self.spool))
        client.submit(self.event(0))
        del client

        def is_free() -> bool:
            try:
                Client(self.server.url, "sr_wrong", spool=Spool(self.spool)).close(0)
            except strongroom.SpoolInUse:
                return False
            return True

        until(is_free, "the lock")
        self.drain()
        self.assert_ledger_holds(range(1))


class Refusals(SpoolTest):
    def test_b3_a_refused_event_goes_to_rejected_with_its_reason_and_holds_up_nothing(self) -> None:
        self.client().append(self.event(2, action="document.write"))
        self.doCleanups()
        self.setUp_again()
        client = self.offline()
        client.submit(self.event(0))
        client.submit(self.event(1, action="login"))
        client.submit(self.event(2))
        client.submit(self.event(3, source="strongroom"))
        client.submit(self.event(4, metadata={"text": "x" * 300_000}))
        client.submit(self.event(5, metadata={"text": "x" * (2 << 20)}))
        client.submit(self.event(6))
        client.close(0)
        lines = self.file().read_bytes().splitlines()
        client = self.drain()
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (2, 0, 6)])
        rejected = {row["event"]["event_id"]: row for row in self.rejected()}
        self.assertEqual(set(rejected), {f"{self.tenant}-{number}" for number in (1, 2, 3, 4, 5)})
        reasons = {int(event_id.rsplit("-", 1)[1]): row["reason"] for event_id, row in rejected.items()}
        rules = {number: [detail["rule"] for detail in reason["details"]] for number, reason in reasons.items()}
        self.assertEqual(rules, {1: ["format"], 2: ["conflict"], 3: ["reserved"], 4: ["too_long"], 5: ["too_long"]})
        codes = {number: reasons[number]["code"] for number in (2, 3, 5)}
        self.assertEqual(codes, {2: "conflict", 3: "forbidden", 5: "too_large"})
        row = rejected[f"{self.tenant}-1"]
        self.assertEqual(list(row), ["reason", "event"])
        self.assertEqual(list(row["reason"]), ["code", "message", "details"])
        (detail,) = row["reason"]["details"]
        self.assertEqual((detail["member"], detail["rule"]), ("action", "format"))
        self.assertEqual(row["event"], json.loads(lines[1]))
        self.assertEqual(client.status().rejected_events, 5)
        client.close()
        self.assertEqual(self.client().status().rejected_events, 5)

    def setUp_again(self) -> None:
        """Directories of their own for the second half of a test."""
        tenant = self.tenant
        self.setUp()
        self.tenant = tenant

    def test_a_refusal_that_meets_an_outage_puts_each_event_aside_once(self) -> None:
        client = self.offline()
        for number in range(4):
            client.submit(self.event(number, action="login" if number % 2 else "session.create"))
        client.close(0)
        proxy = self.proxy()
        # The refusal is the server's own; what comes next is lost, again and again.
        proxy.faults.extend([pass_on, *[lose_request] * 4])
        client = self.client(proxy.url)
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assertEqual([row["event"]["event_id"][-1] for row in self.rejected()], ["1", "3"])
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-{number}" for number in (0, 2)])

    def test_a_batch_that_is_too_large_as_a_whole_is_halved(self) -> None:
        self.spool_offline(range(5))
        proxy = self.proxy(answer_with(413, "too_large"))
        client = self.client(proxy.url)
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        client.close()
        self.assertEqual([body.count(b"\n") for body in proxy.bodies], [5, 2, 3])
        self.spool_offline(range(5, 6))
        proxy.bodies.clear()
        proxy.faults.append(answer_text(413, "<html>nginx</html>"))
        client = self.client(proxy.url)
        self.assertTrue(client.flush(PATIENCE_SECONDS), "a proxy's own bound is no event's fault")
        self.assertEqual([body.count(b"\n") for body in proxy.bodies], [1, 1])
        self.assertEqual(client.status().rejected_events, 0)
        self.assert_ledger_holds(range(6))

    def test_an_event_that_is_refused_alone_without_a_position_is_put_aside(self) -> None:
        self.spool_offline(range(2))
        conflict = answer_with(409, "conflict")
        proxy = self.proxy(conflict, conflict)
        self.assertTrue(self.client(proxy.url).flush(PATIENCE_SECONDS))
        self.assertEqual([row["event"]["event_id"] for row in self.rejected()], [f"{self.tenant}-0"])
        self.assertEqual(self.server.event_ids(self.tenant), [f"{self.tenant}-1"])

    def test_what_is_not_the_events_fault_holds_everything_up_and_says_so(self) -> None:
        self.spool_offline(range(2))
        client = self.client(token="sr_wrong")
        until(lambda: client.status().last_error, "the refusal")
        self.assertIn("unauthenticated", client.status().last_error or "")
        self.assertNotIn("sr_wrong", repr(client.status()))
        client.close(0)
        # A role that is missing, a path that is not there, an answer in the place of the server's.
        faults = [answer_with(403, "role_missing"), answer_with(404, "not_found"), answer_with(400), answer_with(302)]
        proxy = self.proxy(*faults)
        client = self.client(proxy.url)
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assertEqual(len(set(proxy.bodies)), 1)
        self.assertEqual(len(proxy.bodies), 5)
        self.assertEqual(client.status().rejected_events, 0)
        self.assert_ledger_holds(range(2))

    def test_an_event_that_no_server_would_take_is_refused_before_it_is_spooled(self) -> None:
        client = self.offline()
        refused: List[Dict[str, Any]] = [{"stream": "other"}, {"outcome": "fine"}, {"outcome": None}, {"actor": {}}]
        for members in refused + [{"tenant": ""}]:
            with self.subTest(members=members), self.assertRaises(strongroom.Invalid):
                client.submit(self.event(0, **members))
        with self.assertRaises(strongroom.Invalid):
            client.append(self.event(0, outcome="fine"))
        self.assertEqual(client.status().pending_events, 0)

    def test_a_client_without_a_spool_says_so(self) -> None:
        with Client(self.server.url, self.server.token) as client:
            with self.assertRaises(strongroom.SpoolError):
                client.submit(self.event(0))
            self.assertTrue(client.flush(0))
            self.assertEqual(client.status(), strongroom.Status())


class Bounds(SpoolTest):
    def test_a_full_spool_says_so_and_keeps_what_it_has(self) -> None:
        client = self.offline(bytes_max=10_000)
        taken = 0
        with self.assertRaisesRegex(strongroom.SpoolFull, "of 10000 bytes"):
            while taken < 1_000:
                client.submit(self.event(taken))
                taken += 1
        self.assertGreater(taken, 20)
        with self.assertRaises(strongroom.SpoolFull):
            client.append(self.event(taken))
        status = client.status()
        self.assertEqual(status.pending_events, taken)
        self.assertLessEqual(status.bytes_on_disk, 10_000)
        self.assertEqual(status.bytes_on_disk, self.file().stat().st_size)
        client.close(0)
        self.drain()
        self.assert_ledger_holds(range(taken))

    def test_what_is_drained_gives_its_room_back_on_the_same_day(self) -> None:
        client = self.client(bytes_max=20_000)
        for number in range(300):
            while True:
                try:
                    client.submit(self.event(number))
                    break
                except strongroom.SpoolFull:
                    self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(300))
        self.assertLess(client.status().bytes_on_disk, 20_000)

    def test_room_is_given_back_while_events_are_waiting(self) -> None:
        client = self.offline()
        for number in range(1_500):
            client.submit(self.event(number))
        client.close(0)
        whole = self.file().stat().st_size
        proxy = self.proxy()
        proxy.faults.extend([pass_on, answer_with(401, "expired")])
        # Only a flush ends the pause.
        pause = mock.patch("strongroom.spool.drainer.back_off_seconds", return_value=PATIENCE_SECONDS * 2)
        pause.start()
        self.addCleanup(pause.stop)
        client = self.client(proxy.url, bytes_max=400_000)
        until(lambda: client.status().last_error, "the second batch")
        status = client.status()
        self.assertEqual(status.pending_events, 500)
        self.assertEqual((status.pending_bytes, status.bytes_on_disk), (self.file().stat().st_size,) * 2)
        self.assertLess(status.bytes_on_disk, whole / 2)
        self.assertEqual(self.names(), ["audit_" + today() + ".jsonl", "lock", "rejected"])
        self.assertTrue(client.flush(PATIENCE_SECONDS))
        self.assert_ledger_holds(range(1_500))


class Days(SpoolTest):
    def test_a_file_of_an_earlier_day_is_deleted_once_it_is_drained_and_todays_is_not(self) -> None:
        with mock.patch("strongroom.spool.directory.today", return_value="2026-01-01"):
            self.spool_offline(range(3))
        client = self.offline()
        client.submit(self.event(3))
        client.close(0)
        self.assertEqual(self.file(day="2026-01-01").read_bytes().count(b"\n"), 3)
        self.drain()
        self.assert_ledger_holds(range(4))
        today_name = self.file().name
        self.assertEqual(self.names(), sorted([today_name, today_name + ".drained", "lock", "rejected"]))

    def test_a_clock_that_was_set_back_does_not_put_new_events_before_older_ones(self) -> None:
        with mock.patch("strongroom.spool.directory.today", return_value="2099-01-01"):
            self.spool_offline(range(2))
        client = self.offline()
        client.submit(self.event(2))
        client.close(0)
        self.assertEqual(self.file(day="2099-01-01").read_bytes().count(b"\n"), 3)
        self.drain()
        self.assert_ledger_holds(range(3))


class Format(SpoolTest):
    def test_the_files_are_as_the_format_says(self) -> None:
        os.umask(os.umask(0o022))
        with mock.patch("strongroom.spool.directory.today", return_value="2026-01-01"):
            client = self.offline()
            client.submit(self.event(0, metadata={"text": "ü\n", "none": None}))
            client.submit(self.event(1))
            expected = (
                f'{{"stream":"audit","tenant":"{self.tenant}","actor":{{"type":"user","id":"alice"}},'
                f'"action":"document.read","outcome":"success",'
                f'"target":{{"type":"document","id":"document-0"}},"event_id":"{self.tenant}-0",'
                f'"occurred_at":"2026-04-22T02:30:15Z","metadata":{{"text":"ü\\n","none":null}}}}\n'
            )
            path = self.file(day="2026-01-01")
            self.assertEqual(path.read_bytes().splitlines(keepends=True)[0].decode(), expected)
            self.assertEqual((self.spool / "lock").read_text(), f"{os.getpid()}\n")
            modes = {name: stat.S_IMODE((self.spool / name).stat().st_mode) for name in [".", *self.names()]}
            self.assertEqual(modes, {".": 0o700, path.name: 0o600, "lock": 0o600, "rejected": 0o700})
            client.close(0)
            self.client().flush(PATIENCE_SECONDS)
            progress = path.with_name(path.name + ".drained")
            self.assertEqual(progress.read_text(), str(path.stat().st_size))
            self.assertEqual(stat.S_IMODE(progress.stat().st_mode), 0o600)

    def test_a_directory_that_others_may_enter_is_closed_to_them(self) -> None:
        self.spool.mkdir(mode=0o755)
        self.offline()
        self.assertEqual(stat.S_IMODE(self.spool.stat().st_mode), 0o700)

    def test_flush_does_not_wait_for_what_comes_after_it(self) -> None:
        client = self.client()
        over = threading.Event()
        submitting = threading.Thread(target=_submit_until, args=(self, client, over))
        submitting.start()
        began = time.monotonic()
        try:
            self.assertTrue(client.flush(PATIENCE_SECONDS))
            self.assertLess(time.monotonic() - began, PATIENCE_SECONDS / 2)
        finally:
            over.set()
            submitting.join()


def _submit_until(test: SpoolTest, client: Client, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        client.submit(test.event(number))
        number += 1


if __name__ == "__main__":
    unittest.main()
