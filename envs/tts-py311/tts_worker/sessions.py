"""Opens an ONNX model on the CPU, for sentences of all lengths."""

from __future__ import annotations

import os

import onnxruntime

__all__ = ["THREADS_VARIABLE", "open_session", "threads"]

THREADS_VARIABLE = "AVATAR_TTS_THREADS"
"""Threads of one inference; one is enough for eighty times real time with the embedded voice."""


def threads() -> int:
    """How many threads the user gives to one inference."""
    return int(os.environ.get(THREADS_VARIABLE, "1"))


def open_session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A model that is ready to run. What onnxruntime raises where it is none."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    # Sentences differ in length, and the arena keeps blocks of lengths gone by: with the embedded voice the
    # peak over 1 and over 22 minutes of speech was 383 and 432 MB with it, 336 and 360 MB without.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
