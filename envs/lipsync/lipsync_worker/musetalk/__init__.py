"""MuseTalk (Zhang et al. 2024): the mouth of a face painted anew in one step of a latent network.

model      the nets, read from the published layout
audio      what Whisper's encoder hears around each frame
generator  latents and sounds in, faces out, in batches
"""
