"""Two-step operations."""

from __future__ import annotations

import asyncio
import unittest

import strongroom
from strongroom import AsyncClient, Client, ErrorDetails, Receipt
from harness import ServerTest, lose_answer


class Operations(ServerTest):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(self.server.url, self.server.token)
        self.addCleanup(self.client.close)

    def test_a5_an_operation_is_in_the_ledger_once_it_is_completed(self) -> None:
        operation = self.client.begin_operation(self.event(0, outcome=None))
        self.assertEqual((operation.event_id, operation.duplicate), (f"{self.tenant}-0", False))
        self.assertEqual(self.server.event_ids(self.tenant), [])
        error = ErrorDetails(code="quota")
        receipt = self.client.complete_operation(operation.operation_id, "failure", error=error, metadata={"tries": 2})
        assert isinstance(receipt, Receipt)
        self.assertEqual((receipt.event_id, receipt.duplicate), (f"{self.tenant}-0", False))
        (entry,) = self.server.entries(tenant=self.tenant)
        self.assertEqual((entry["seq"], entry["outcome"]), (receipt.seq, "failure"))
        self.assertEqual((entry["error"], entry["metadata"]), ({"code": "quota"}, {"tries": 2}))
        self.assertEqual(entry["started_at"], "2026-04-22T02:30:15.000000Z")

    def test_a5_beginning_and_completing_may_be_repeated(self) -> None:
        proxy = self.proxy(lose_answer)
        with Client(proxy.url, self.server.token) as client:
            operation = client.begin_operation(self.event(0, outcome=None))
            self.assertTrue(operation.duplicate, "the first answer was lost")
            again = client.begin_operation(self.event(0, outcome=None))
            self.assertEqual((again.operation_id, again.duplicate), (operation.operation_id, True))
            proxy.faults.append(lose_answer)
            first = client.complete_operation(operation.operation_id, "success")
            second = client.complete_operation(operation.operation_id, "success")
        assert isinstance(first, Receipt) and isinstance(second, Receipt)
        self.assertEqual((first.duplicate, second.duplicate), (True, True))
        self.assertEqual(first.seq, second.seq)
        self.assert_ledger_holds(range(1))

    def test_a5_another_completion_is_a_conflict_and_an_unknown_operation_is_not_found(self) -> None:
        operation = self.client.begin_operation(self.event(0, outcome=None))
        self.client.complete_operation(operation.operation_id, "success")
        with self.assertRaises(strongroom.Conflict):
            self.client.complete_operation(operation.operation_id, "denied")
        for operation_id in ("op_" + "0" * 32, "op/../x y\n"):
            with self.subTest(operation_id=operation_id), self.assertRaises(strongroom.Refused) as raised:
                self.client.complete_operation(operation_id, "success")
            self.assertIn(raised.exception.status, (400, 404))

    def test_an_operation_that_begins_with_an_outcome_is_refused(self) -> None:
        with self.assertRaises(strongroom.Invalid):
            self.client.begin_operation(self.event(0))

    def test_the_asynchronous_client_does_the_same(self) -> None:
        async def test() -> None:
            async with AsyncClient(self.server.url, self.server.token) as client:
                operation = await client.begin_operation(self.event(0, outcome=None))
                receipt = await client.complete_operation(operation.operation_id, "success")
                again = await client.complete_operation(operation.operation_id, "success")
                assert isinstance(receipt, Receipt) and isinstance(again, Receipt)
                self.assertEqual((again.seq, again.duplicate), (receipt.seq, True))

        asyncio.run(test())
        self.assert_ledger_holds(range(1))


if __name__ == "__main__":
    unittest.main()
