"""Ordered: jobs run in order, the queue is bounded, errors are raised."""

from __future__ import annotations

import threading

import pytest

from netlake.records.ordered import Ordered


def test_jobs_of_one_key_run_in_order_one_at_a_time() -> None:
    pool, seen, at_work = Ordered(3, 1 << 20), [], []

    def job(key: str, number: int) -> None:
        at_work.append(key)
        assert at_work.count(key) == 1
        seen.append((key, number))
        at_work.remove(key)

    for number in range(200):
        for key in "abcd":
            pool.put(key, 1, lambda key=key, number=number: job(key, number))
    pool.wait()
    pool.end()
    assert [number for key, number in seen if key == "c"] == list(range(200))


def test_queue_is_bounded() -> None:
    pool, gate, handed = Ordered(1, 100), threading.Event(), []
    pool.put("a", 60, gate.wait)

    def hand_over() -> None:
        pool.put("a", 60, lambda: None)
        handed.append(True)

    other = threading.Thread(target=hand_over)
    other.start()
    other.join(0.05)
    assert not handed
    gate.set()
    other.join()
    assert handed
    pool.wait()
    pool.end()


def test_every_call_after_an_error_raises_it() -> None:
    pool = Ordered(2, 100)
    pool.put("a", 1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pool.wait()
    with pytest.raises(ZeroDivisionError):
        pool.put("b", 1, lambda: None)
    pool.end()
