"""XTTS-v2 on the `Xtts` class of the package TTS, original or fork: loading, voices, generating.

network.py     the nets and the tokenizer, from the published layout with safetensors
profile.py     what is known of a voice: computed once, stored
generation.py  text to codes and latents, token by token
decoder.py     latents to sound, in whole or in pieces that are the same
speaking.py    one sentence after another: seeds, attempts, what counts as gone wrong
"""
