"""The speech worker: a script, and a recording of a voice, become sound and phoneme timings."""
