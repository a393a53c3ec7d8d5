"""What is tried again, for how long, and that nothing enters the ledger twice because of it."""

from __future__ import annotations

import email.utils
import json
import threading
import time
import unittest
from typing import Any, List
from unittest import mock

import strongroom
from strongroom import Client, Receipt, Unavailable
from strongroom.retrying import back_off_seconds
from harness import (
    PATIENCE_SECONDS,
    ServerTest,
    _Handler,
    answer_text,
    answer_with,
    free_port,
    lose_answer,
    lose_request,
    pass_on,
)


class Retries(ServerTest):
    def test_an_answer_that_is_lost_after_the_commit_makes_the_retry_a_duplicate(self) -> None:
        proxy = self.proxy(lose_answer, lose_answer)
        with Client(proxy.url, self.server.token) as client:
            receipts = client.append_all([self.event(0, event_id=None), self.event(1)])
        self.assertEqual([isinstance(receipt, Receipt) and receipt.duplicate for receipt in receipts], [True, True])
        self.assertEqual(len(self.server.entries(tenant=self.tenant)), 2)
        self.assertEqual(len(proxy.bodies), 3)
        self.assertEqual(len(set(proxy.bodies)), 1, "every attempt sends the same bytes, ids and times included")

    def test_each_status_that_may_pass_is_retried(self) -> None:
        for status in (408, 429, 500, 502, 503, 504, 507):
            proxy = self.proxy(answer_with(status, "later"), lose_request)
            with self.subTest(status=status), Client(proxy.url, self.server.token) as client:
                receipt = client.append(self.event(status))
                assert isinstance(receipt, Receipt)
                self.assertFalse(receipt.duplicate)
            self.assertGreaterEqual(len(proxy.bodies), 3)

    def test_a_success_that_is_not_strongrooms_is_not_believed(self) -> None:
        portal = answer_text(200, "<html>Welcome to the hotel</html>")
        short = answer_text(201, json.dumps({"receipts": [], "tree_size": 1}))
        proxy = self.proxy(portal, short, answer_text(201, '{"receipts":[{"seq":"x"}]}'))
        with Client(proxy.url, self.server.token) as client:
            receipt = client.append(self.event(1))
        assert isinstance(receipt, Receipt)
        self.assertEqual(len(proxy.bodies), 4)
        self.assert_ledger_holds(range(1, 2))

    def test_an_answer_that_breaks_off_is_no_answer(self) -> None:
        def break_off(handler: _Handler) -> None:
            _, body = handler.upstream()
            handler.send_response(201)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[:-10])
            handler.wfile.flush()
            handler.close_connection = True

        proxy = self.proxy(break_off)
        with Client(proxy.url, self.server.token) as client:
            receipt = client.append(self.event(1))
        assert isinstance(receipt, Receipt)
        self.assertTrue(receipt.duplicate)

    def test_a_kept_connection_that_was_closed_costs_no_back_off(self) -> None:
        proxy = self.proxy(pass_on, lose_request)
        with Client(proxy.url, self.server.token) as client, mock.patch("strongroom.retrying.back_off_seconds") as wait:
            client.append(self.event(0))
            client.append(self.event(1))
            wait.assert_not_called()
        self.assertEqual(len(proxy.bodies), 3)
        self.assert_ledger_holds(range(2))

    def test_retry_after_is_honoured_as_seconds_and_as_a_date(self) -> None:
        for at in ("1", lambda: email.utils.formatdate(time.time() + 2.1, usegmt=True)):
            text = at if isinstance(at, str) else at()
            proxy = self.proxy(answer_with(503, "overloaded", {"Retry-After": text}))
            with self.subTest(retry_after=text), Client(proxy.url, self.server.token) as client:
                began = time.monotonic()
                client.append(self.event(1))
                # The date knows whole seconds only.
                self.assertGreaterEqual(time.monotonic() - began, 0.99)

    def test_a_wait_that_is_longer_than_the_deadline_is_not_begun(self) -> None:
        proxy = self.proxy(answer_with(503, "overloaded", {"Retry-After": "3600"}))
        with Client(proxy.url, self.server.token) as client:
            began = time.monotonic()
            with self.assertRaises(Unavailable) as raised:
                client.append(self.event(1))
            self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(raised.exception.attempts, 1)
        self.assertIn("503 overloaded: as the test says", str(raised.exception))

    def test_the_deadline_holds_and_the_error_names_the_events(self) -> None:
        with Client(f"http://127.0.0.1:{free_port()}", "t", deadline=0.5) as client:
            began = time.monotonic()
            with self.assertRaises(Unavailable) as raised:
                client.append_all([self.event(0), self.event(1, event_id=None)])
            self.assertTrue(0.4 < time.monotonic() - began < 2)
            with self.assertRaises(Unavailable) as raised_later:
                client.append(self.event(0), deadline=0.0)
        unavailable = raised.exception
        self.assertGreater(unavailable.attempts, 1)
        self.assertEqual(unavailable.event_ids[0], f"{self.tenant}-0")
        self.assertEqual(len(unavailable.event_ids[1]), 36)
        self.assertEqual(raised_later.exception.attempts, 0)

    def test_a_server_that_drips_its_answer_cannot_hold_a_call_beyond_its_deadline(self) -> None:
        over = threading.Event()

        def drip(handler: _Handler) -> None:
            handler.send_response(201)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not over.wait(0.05):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        def drip_until_over(handler: _Handler) -> None:
            try:
                drip(handler)
            except OSError:
                pass
            handler.close_connection = True

        proxy = self.proxy(*[drip_until_over] * 50)
        self.addCleanup(over.set)
        with Client(proxy.url, self.server.token, deadline=0.6, attempt_timeout=0.3) as client:
            began = time.monotonic()
            with self.assertRaises(Unavailable):
                client.append(self.event(1))
            self.assertLess(time.monotonic() - began, 2)

    def test_the_back_off_doubles_from_100_ms_to_10_s_with_full_jitter(self) -> None:
        expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
        with mock.patch("random.uniform", side_effect=lambda least, most: most - least):
            self.assertEqual([back_off_seconds(failures) for failures in range(1, 10)], expected)
            self.assertEqual(back_off_seconds(10_000), 10.0)
        drawn = [back_off_seconds(4) for _ in range(1_000)]
        self.assertTrue(all(0 <= seconds <= 0.8 for seconds in drawn))
        self.assertTrue(min(drawn) < 0.1 and max(drawn) > 0.7, "the whole range is used")


class Restarts(ServerTest):
    def test_k3_events_appended_while_the_server_is_killed_again_and_again_are_there_once(self) -> None:
        answers: List[Any] = []

        def append_all() -> None:
            with Client(self.server.url, self.server.token, deadline=PATIENCE_SECONDS) as client:
                for number in range(120):
                    answers.append(client.append(self.event(number)))

        appending = threading.Thread(target=append_all)
        appending.start()
        kills = 0
        while appending.is_alive():
            before = len(answers)
            while len(answers) < before + 30 and appending.is_alive():
                appending.join(0.001)
            if appending.is_alive():
                self.server.kill()
                self.server.start()
                kills += 1
        self.assertGreaterEqual(kills, 3)
        self.assertTrue(all(isinstance(answer, Receipt) for answer in answers))
        self.assertEqual([answer.event_id for answer in answers], self.event_ids(range(120)))
        self.assert_ledger_holds(range(120))

    def test_a_server_that_comes_back_within_the_deadline_is_waited_for(self) -> None:
        self.server.end()
        with Client(self.server.url, self.server.token) as client:
            back = threading.Timer(0.3, self.server.start)
            back.start()
            receipt = client.append(self.event(1))
            back.join()
        self.assertIsInstance(receipt, Receipt)
        self.assertIsInstance(receipt, strongroom.Receipt)


if __name__ == "__main__":
    unittest.main()
