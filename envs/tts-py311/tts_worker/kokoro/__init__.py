"""Kokoro-82M through onnxruntime, with the phonemes of hibari's phonemiser: no torch, no espeak.

network.py   the graph, the vocabulary and the voices, from the published layout
noise.py     the graph's random numbers, fixed, so that the same words sound the same
speaking.py  one sentence after another: phonemes, parts that the model can take, cancellation
"""
