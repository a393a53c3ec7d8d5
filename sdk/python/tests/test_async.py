"""The client for asyncio: the same answers, and a loop that goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
import unittest
from typing import Any, Coroutine, List
from unittest import mock

import strongroom
from strongroom import AsyncClient, Receipt, Spool, Spooled
from strongroom.spool import durable
from harness import PATIENCE_SECONDS, _Handler, free_port, lose_answer
from spool_test import SpoolTest


class Async(SpoolTest):
    def run_loop(self, test: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(test, PATIENCE_SECONDS))

    def test_it_answers_as_the_other_client_does(self) -> None:
        async def test() -> None:
            async with AsyncClient(self.server.url, self.server.token) as client:
                first = await client.append(self.event(0))
                assert isinstance(first, Receipt)
                again, second = await client.append_all([self.event(0), self.event(1)])
                assert isinstance(again, Receipt) and isinstance(second, Receipt)
                self.assertEqual((again.seq, again.duplicate, second.seq), (first.seq, True, first.seq + 1))
                with self.assertRaises(strongroom.Conflict):
                    await client.append(self.event(0, action="document.write"))
                with self.assertRaises(strongroom.Invalid) as raised:
                    await client.append_all([self.event(2), self.event(3, action="login")])
                self.assertEqual(raised.exception.details[0].position, 1)
                self.assertEqual(await client.status(), strongroom.Status())
                self.assertNotIn(self.server.token, repr(client))
            with self.assertRaises(strongroom.Closed):
                await client.append(self.event(2))

        self.run_loop(test())
        self.assert_ledger_holds(range(2))

    def test_concurrent_appends_each_get_their_own_receipt(self) -> None:
        proxy = self.proxy(*[lose_answer] * 3)

        async def test() -> None:
            async with AsyncClient(proxy.url, self.server.token, concurrency_max=4) as client:
                answers = await asyncio.gather(*[client.append(self.event(number)) for number in range(60)])
            self.assertEqual([answer.event_id for answer in answers], self.event_ids(range(60)))

        self.run_loop(test())
        self.assertEqual(sorted(self.server.event_ids(self.tenant)), sorted(self.event_ids(range(60))))

    def test_the_loop_goes_on_while_a_call_waits_for_a_server(self) -> None:
        async def test() -> None:
            async with AsyncClient(f"http://127.0.0.1:{free_port()}", "t", deadline=0.5) as client:
                longest, last = 0.0, time.monotonic()
                calls = asyncio.gather(*[client.append(self.event(n)) for n in range(8)], return_exceptions=True)
                while not calls.done():
                    await asyncio.sleep(0)
                    longest, last = max(longest, time.monotonic() - last), time.monotonic()
                answers = await calls
                self.assertTrue(all(isinstance(answer, strongroom.Unavailable) for answer in answers), answers)
                self.assertLess(longest, 0.4, "no turn of the loop took as long as a call")

        self.run_loop(test())

    def test_a_call_that_is_cancelled_makes_no_further_attempt_and_spools_nothing(self) -> None:
        arrived = threading.Event()
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def hold(handler: _Handler) -> None:
            arrived.set()
            go_on.wait(PATIENCE_SECONDS)
            handler.reset()

        proxy = self.proxy(hold)

        async def test() -> None:
            spool = Spool(self.spool)
            async with AsyncClient(proxy.url, self.server.token, spool=spool) as client:
                call = asyncio.ensure_future(client.append(self.event(0)))
                await asyncio.get_running_loop().run_in_executor(None, arrived.wait)
                call.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await call
                go_on.set()
                client._threads.shutdown(wait=True)
                self.assertEqual((await client.status()).pending_events, 0)

        self.run_loop(test())
        self.assertEqual(len(proxy.bodies), 1)
        self.assertEqual(self.server.event_ids(self.tenant), [])

    def test_concurrent_submits_share_syncs_and_reach_the_ledger_in_order(self) -> None:
        syncs: List[int] = []
        sync = durable.sync

        def counted(descriptor: int) -> None:
            syncs.append(descriptor)
            sync(descriptor)

        async def spool() -> None:
            url = f"http://127.0.0.1:{free_port()}"
            async with AsyncClient(url, "t", spool=Spool(self.spool)) as client:
                with mock.patch("strongroom.spool.durable.sync", counted):
                    answers = await asyncio.gather(*[client.submit(self.event(number)) for number in range(500)])
                self.assertEqual(answers, [Spooled(event_id) for event_id in self.event_ids(range(500))])
                status = await client.status()
                self.assertEqual(status.pending_events, 500)
                self.assertFalse(await client.close(0))

        async def drain() -> None:
            async with AsyncClient(self.server.url, self.server.token, spool=Spool(self.spool)) as client:
                self.assertTrue(await client.flush(PATIENCE_SECONDS))

        self.run_loop(spool())
        self.assertLess(len(syncs), 100)
        self.run_loop(drain())
        self.assert_ledger_holds(range(500))

    def test_append_spools_when_the_server_cannot_be_reached(self) -> None:
        async def test() -> None:
            url = f"http://127.0.0.1:{free_port()}"
            async with AsyncClient(url, "t", deadline=0.2, spool=Spool(self.spool)) as client:
                self.assertIsInstance(await client.append(self.event(0)), Spooled)
                with self.assertRaises(strongroom.Invalid):
                    await client.submit(self.event(1, outcome="fine"))
                await client.close(0)

        self.run_loop(test())
        self.drain()
        self.assert_ledger_holds(range(1))


if __name__ == "__main__":
    unittest.main()
