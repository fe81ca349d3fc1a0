"""Wav2Lip: lips drawn at 96 or 256 pixels, quickly enough for small GPUs.

    sound ──> mel (windows of a spectrogram) ──┐
    face, its lower half hidden ───────────────┼──> model ──> the same face, speaking
    face as it is ─────────────────────────────┘

Prajwal et al., A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild, 2020. The weights
that they published were trained on LRS2: for research, academic and personal use only.
"""
