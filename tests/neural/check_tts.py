"""Run by nox in the tts environment's neural lock: XTTS imports, and its language model generates.

An import alone proves little: transformers 4.52 to 4.56 import cleanly and fail at the first token. The
net is XTTS's own GPT, tiny and with random weights.
"""

from __future__ import annotations

import torch
import torchaudio
import transformers
from TTS.tts.layers.xtts.gpt import GPT
from TTS.tts.models.xtts import Xtts

WIDTH = 64
TOKENS = 8


def tiny_gpt() -> GPT:
    """A GPT of 2 layers with XTTS's audio tokens."""
    gpt = GPT(
        layers=2,
        model_dim=WIDTH,
        heads=4,
        max_text_tokens=200,
        max_mel_tokens=20,
        number_text_tokens=100,
        start_text_token=98,
        stop_text_token=99,
        num_audio_tokens=1026,
        start_audio_token=1024,
        stop_audio_token=1025,
        use_perceiver_resampler=True,
    )
    gpt.init_gpt_for_inference(kv_cache=True)
    return gpt.eval()


def main() -> None:
    """Generate at once and as a stream; random weights never stop by themselves, hence the cap."""
    torch.manual_seed(0)
    gpt = tiny_gpt()
    speaker = torch.randn(1, 32, WIDTH)
    text = torch.randint(0, 90, (1, 12))
    options = {"do_sample": True, "top_k": 50, "top_p": 0.85, "temperature": 0.75, "num_return_sequences": 1}
    with torch.inference_mode():
        whole = gpt.generate(speaker, text, num_beams=1, **options)
        fake_inputs = gpt.compute_embeddings(speaker, text)
        # The latents it yields beside the tokens come from the hidden states.
        stream = gpt.get_generator(fake_inputs=fake_inputs, output_hidden_states=True, **options)
        streamed = [token for _, (token, _latent) in zip(range(TOKENS), stream, strict=False)]
    assert whole.shape[1] > 0
    assert len(streamed) == TOKENS
    print(f"{Xtts.__name__} imports; {whole.shape[1]} tokens at once, {len(streamed)} streamed")
    for module in (torch, torchaudio, transformers):
        print(f"{module.__name__} {module.__version__}")


if __name__ == "__main__":
    main()
