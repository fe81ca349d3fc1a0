"""The speech worker of the maintained fork: one engine, on the code of `tts_worker`."""
