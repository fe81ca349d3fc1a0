"""Bark (Suno) on the `BarkModel` of the package transformers: loading, voices, generating.

network.py     the nets, the tokenizer and the generation's settings, from the published layout
presets.py     the voices that come with the weights
generation.py  text to semantic tokens, to codes, to sound
speaking.py    one sentence after another: seeds, attempts, what counts as gone wrong
"""
