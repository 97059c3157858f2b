"""The text encoder is the runtime's: the same numbers."""

import numpy as np

from genmo.runtime.engine.text_ngram import NgramTextEncoder


def test_text_encoder(tiny_model):
    encoder = NgramTextEncoder(tiny_model.text_encoder.vectors.detach().numpy(), tiny_model.config.text_tokens)
    prompts = ["a person walks", "Jump!", "one two three four five six seven eight nine ten", "zxqv 7", "a-b, a"]
    tokens, mask = tiny_model.text_encoder([*prompts, ""])
    for index, prompt in enumerate(prompts):
        theirs = encoder.encode(prompt)
        np.testing.assert_allclose(tokens[index].detach(), theirs[0], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(mask[index], theirs[1])
    assert not tokens[-1].any() and not mask[-1].any()
