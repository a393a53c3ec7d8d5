"""Appending, and what the server refuses."""

from __future__ import annotations

import os
import threading
import traceback
import unittest
import uuid
import warnings
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List
from unittest import mock

import strongroom
from strongroom import Actor, Client, ErrorDetails, Receipt
from strongroom.identifiers import external_event_id
from harness import ServerTest, _Handler, answer_with, pass_on


class Appending(ServerTest):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(self.server.url, self.server.token)
        self.addCleanup(self.client.close)

    def test_an_event_gets_a_place_and_is_in_the_ledger_as_it_was_given(self) -> None:
        occurred_at = datetime(2026, 4, 22, 4, 30, 15, 250, tzinfo=timezone(timedelta(hours=2)))
        event = self.event(
            1,
            occurred_at=occurred_at,
            outcome="denied",
            error=ErrorDetails(code="quota", status=429),
            metadata={"reason": None, "text": "ümlaut \u2028 \n"},
            changes={"role": {"before": "reader", "after": "editor"}},
        )
        receipt = self.client.append(event)
        assert isinstance(receipt, Receipt)
        (entry,) = self.server.entries(tenant=self.tenant)
        self.assertEqual(receipt.event_id, f"{self.tenant}-1")
        self.assertEqual(receipt.seq, entry["seq"])
        self.assertRegex(receipt.leaf_hash, "^[0-9a-f]{64}$")
        self.assertFalse(receipt.duplicate)
        expected = {
            "stream": "audit",
            "event_id": f"{self.tenant}-1",
            "occurred_at": "2026-04-22T02:30:15.000250Z",
            "tenant": self.tenant,
            "actor": {"type": "user", "id": "alice"},
            "action": "document.read",
            "target": {"type": "document", "id": "document-1"},
            "outcome": "denied",
            "error": {"code": "quota", "status": 429},
            "metadata": {"reason": None, "text": "ümlaut \u2028 \n"},
            "changes": {"role": {"before": "reader", "after": "editor"}},
        }
        self.assertEqual({name: entry[name] for name in expected}, expected)

    def test_an_id_and_a_time_are_filled_in_and_the_callers_mapping_stays_as_it_is(self) -> None:
        event: Dict[str, Any] = {
            "stream": "tool",
            "tenant": self.tenant,
            "actor": Actor("service", "runner"),
            "action": "tool.call",
            "outcome": "success",
            "tool": "search",
        }
        before = dict(event)
        earliest = datetime.now(timezone.utc)
        receipt = self.client.append(event)
        latest = datetime.now(timezone.utc)
        self.assertEqual(event, before)
        assert receipt.event_id is not None
        event_id = uuid.UUID(receipt.event_id)
        self.assertEqual((event_id.version, event_id.variant), (7, uuid.RFC_4122))
        made_at = datetime.fromtimestamp((event_id.int >> 80) / 1000, timezone.utc)
        self.assertLessEqual(abs(made_at - earliest), timedelta(seconds=5))
        (entry,) = self.server.entries("tool", tenant=self.tenant)
        self.assertEqual(entry["event_id"], receipt.event_id)
        self.assertRegex(entry["occurred_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        occurred_at = datetime.fromisoformat(entry["occurred_at"].replace("Z", "+00:00"))
        self.assertTrue(earliest <= occurred_at <= latest, occurred_at)

    def test_a_batch_is_answered_in_its_order(self) -> None:
        answers = self.client.append_all(self.event(number) for number in range(500))
        receipts = [answer for answer in answers if isinstance(answer, Receipt)]
        self.assertEqual([receipt.event_id for receipt in receipts], self.event_ids(range(500)))
        seqs = [receipt.seq for receipt in receipts]
        self.assertEqual(seqs, list(range(seqs[0], seqs[0] + 500)))
        self.assert_ledger_holds(range(500))
        self.assertEqual(self.client.append_all([]), [])

    def test_the_same_event_again_is_a_duplicate_with_the_same_place(self) -> None:
        first = self.client.append(self.event(1))
        again = self.client.append(self.event(1))
        assert isinstance(first, Receipt) and isinstance(again, Receipt)
        self.assertEqual((again.seq, again.leaf_hash), (first.seq, first.leaf_hash))
        self.assertEqual((first.duplicate, again.duplicate), (False, True))
        self.assert_ledger_holds(range(1, 2))

    def test_other_content_under_the_same_id_is_a_conflict_and_stores_nothing_of_the_batch(self) -> None:
        self.client.append(self.event(1))
        with self.assertRaises(strongroom.Conflict) as raised:
            self.client.append_all([self.event(0), self.event(1, action="document.write")])
        conflict = raised.exception
        self.assertEqual((conflict.status, conflict.code), (409, "conflict"))
        self.assertEqual([(detail.position, detail.rule) for detail in conflict.details], [(1, "conflict")])
        self.assert_ledger_holds(range(1, 2))

    def test_every_broken_rule_is_named_by_position_and_member(self) -> None:
        events = [
            self.event(0),
            self.event(1, outcome="fine"),
            self.event(2, action="login", actor={"type": "user"}),
        ]
        with self.assertRaises(strongroom.Invalid) as raised:
            self.client.append_all(events)
        invalid = raised.exception
        self.assertEqual((invalid.status, invalid.code), (422, "event_invalid"))
        self.assertEqual(
            {(detail.position, detail.member, detail.rule) for detail in invalid.details},
            {(1, "outcome", "choice"), (2, "action", "format"), (2, "actor.id", "required")},
        )
        self.assertTrue(all(detail.message for detail in invalid.details))
        assert invalid.request_id is not None
        self.assertIn(invalid.request_id, str(invalid))
        self.assertEqual(self.server.event_ids(self.tenant), [])

    def test_an_event_that_its_source_has_named_is_a_duplicate_when_it_is_delivered_again(self) -> None:
        event = self.event(0, event_id=None, source="mail", external_id="message-1")
        first, again = self.client.append(event), self.client.append(event)
        assert isinstance(first, Receipt) and isinstance(again, Receipt)
        self.assertEqual((again.seq, again.duplicate), (first.seq, True))
        self.assertEqual(external_event_id("7", "github", "delivery-1"), "565e6c8d-868c-8bb7-93a7-bab87aa530ad")

    def test_the_span_of_the_caller_is_passed_on(self) -> None:
        traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        seen: List[Any] = []

        def note(handler: _Handler) -> None:
            seen.append(handler.headers["traceparent"])
            pass_on(handler)

        proxy = self.proxy(note)
        with Client(proxy.url, self.server.token) as client:
            client.append(self.event(0), traceparent=traceparent)
            for wrong in ("", "00-1-2-01", traceparent.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)):
                with self.assertRaises(ValueError):
                    client.append(self.event(0), traceparent=wrong)
        self.assertEqual(seen, [traceparent])

    def test_what_has_no_json_form_is_refused_before_it_is_sent(self) -> None:
        proxy = self.proxy()
        refused: List[Dict[str, Any]] = [
            {"metadata": {"a": float("nan")}},
            {"metadata": {"a": {1, 2}}},
            {"evidence": "\ud800"},
            {"occurred_at": datetime(2026, 1, 1)},
            {"event_id": 7},
        ]
        with Client(proxy.url, self.server.token) as client:
            for members in refused:
                with self.subTest(members=repr(members)), self.assertRaises(strongroom.Invalid) as raised:
                    client.append_all([self.event(0), self.event(1, **members)])
                self.assertEqual(raised.exception.details[0].position, 1)
                self.assertIsNone(raised.exception.status)
        self.assertEqual(proxy.bodies, [])

    def test_reserved_names_are_forbidden(self) -> None:
        with self.assertRaises(strongroom.Forbidden) as raised:
            self.client.append(self.event(1, source="strongroom"))
        self.assertEqual(raised.exception.status, 403)
        self.assertEqual([detail.rule for detail in raised.exception.details], ["reserved"])

    def test_more_than_the_server_takes_at_once_is_too_large(self) -> None:
        with self.assertRaises(strongroom.TooLarge) as raised:
            self.client.append_all(self.event(number) for number in range(10_001))
        self.assertEqual((raised.exception.status, raised.exception.code), (413, "too_large"))

    def test_a_path_that_is_not_there_is_not_found(self) -> None:
        with Client(self.server.url + "/elsewhere/", self.server.token) as client:
            with self.assertRaises(strongroom.NotFound):
                client.append(self.event(1))

    def test_any_other_final_answer_is_refused(self) -> None:
        proxy = self.proxy(answer_with(415, "content_type_unsupported"), answer_with(301))
        with Client(proxy.url, self.server.token) as client:
            for code in ("content_type_unsupported", "http_301"):
                with self.assertRaises(strongroom.Refused) as raised:
                    client.append(self.event(1))
                self.assertEqual(raised.exception.code, code)
                self.assertIs(type(raised.exception), strongroom.Refused)
        self.assertEqual(len(proxy.bodies), 2, "final answers are not retried")

    def test_a_closed_client_says_so(self) -> None:
        client = Client(self.server.url, self.server.token)
        self.assertTrue(client.close())
        self.assertTrue(client.close())
        with self.assertRaises(strongroom.Closed):
            client.append(self.event(1))
        with self.assertRaises(strongroom.Closed):
            client.submit(self.event(1))


class Tokens(ServerTest):
    def test_a_wrong_token_is_unauthenticated_at_once_also_when_the_body_is_large(self) -> None:
        large = [self.event(number, metadata={"text": "x" * 60_000}) for number in range(270)]
        for events in ([self.event(0)], large):
            with Client(self.server.url, "sr_wrong") as client:
                with self.assertRaises(strongroom.Unauthenticated) as raised:
                    client.append_all(events)
                self.assertEqual(raised.exception.status, 401)

    def test_the_token_comes_from_the_environment_when_none_is_given(self) -> None:
        with mock.patch.dict(os.environ, {"STRONGROOM_TOKEN": self.server.token + "\n"}):
            with Client(self.server.url) as client:
                self.assertIsInstance(client.append(self.event(1)), Receipt)
        with mock.patch.dict(os.environ):
            os.environ.pop("STRONGROOM_TOKEN", None)
            with self.assertRaisesRegex(ValueError, "STRONGROOM_TOKEN"):
                Client(self.server.url)

    def test_no_text_shows_the_token(self) -> None:
        secret = "sr_a-secret-of-mine"
        client = Client(self.server.url, secret)
        self.addCleanup(client.close)
        shown = [repr(client), str(client), repr(client.status()), repr(vars(client)), repr(vars(client._transport))]
        try:
            client.append(self.event(1))
        except strongroom.Unauthenticated as error:
            shown += [str(error), repr(error), repr(vars(error)), traceback.format_exc()]
        for impossible in (secret + "\nX-Other: 1", secret + "é", secret + " ", " "):
            try:
                Client(self.server.url, impossible).close()
            except ValueError as error:
                shown += [str(error), traceback.format_exc()]
        self.assertGreaterEqual(len(shown), 12)
        self.assertNotIn("a-secret", "".join(shown))

    def test_urls_that_cannot_be_meant_are_refused(self) -> None:
        for url in ("localhost:7717", "ftp://host", "http://", "http://user:password@host", "http://host/?a=b"):
            with self.subTest(url=url), self.assertRaises(ValueError) as raised:
                Client(url, "t")
            self.assertNotIn("password@", str(raised.exception))


class Connections(ServerTest):
    def test_requests_share_a_connection(self) -> None:
        proxy = self.proxy()
        with Client(proxy.url, self.server.token) as client:
            for number in range(20):
                client.append(self.event(number))
        self.assertEqual(proxy.connections, 1)
        self.assert_ledger_holds(range(20))

    def test_threads_share_a_client_and_a_bounded_number_of_connections(self) -> None:
        proxy = self.proxy()
        with Client(proxy.url, self.server.token, connections_max=3) as client:
            threads = [
                threading.Thread(target=_append_range, args=(self, client, range(first, first + 25)))
                for first in range(0, 200, 25)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(self.server.event_ids(self.tenant)), sorted(self.event_ids(range(200))))
        self.assertLessEqual(proxy.connections, 3)

    def test_a_forked_process_uses_connections_of_its_own(self) -> None:
        proxy = self.proxy()
        with Client(proxy.url, self.server.token) as client:
            client.append(self.event(0))
            with warnings.catch_warnings():
                # That forking beside threads is dangerous is what this is about.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                try:
                    client.append(self.event(1))
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            self.assertEqual(status, 0)
            client.append(self.event(2))
        self.assert_ledger_holds(range(3))
        self.assertEqual(proxy.connections, 2)


def _append_range(test: ServerTest, client: Client, numbers: range) -> None:
    for number in numbers:
        client.append(test.event(number))


if __name__ == "__main__":
    unittest.main()
