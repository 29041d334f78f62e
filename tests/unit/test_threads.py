"""Torch computes with one thread in each of several, and has its own back afterwards."""

import torch

from models.threads import one_thread_each


def test_torch_has_its_threads_back_after_two_uses_at_once() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        first, second = one_thread_each(), one_thread_each()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.get_num_threads() == 1
        second.__exit__(None, None, None)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
