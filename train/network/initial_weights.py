"""What a new run takes over from the weights of another (`init`)."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.support.errors import InputError
from genmo.train.network.checkpoint import Model

OF_TEXT_ENCODERS = ("text_encoder", "text_width", "text_tokens", "text_depth", "text_buckets")
"""settings of a model that may differ where its text encoder does"""
WEIGHT, BIAS, NULL = "denoiser.text_in.weight", "denoiser.text_in.bias", "denoiser.null_text"
"""what reads texts: weights that mean nothing to the tokens of another text encoder"""
WORD_LAYERS = "denoiser.word_layers."


def taken_weights(theirs: Model, ours: Model) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of `theirs` that `ours` takes over, and the names of those that stay new because the text encoder
    is another, or because theirs has no layers among the words of a text.

    What the blocks read of the null text stays the same then, so that motions without a text are what they were: it
    becomes the bias.  An innovation or a keyframes condition that only ours has stays new too.  Raises InputError where
    anything else differs.
    """
    there, here = theirs.config.to_json(), ours.config.to_json()
    for addition in ("innovation", "keyframes"):
        there[addition] |= here[addition]
    other_encoder = there["text_encoder"] != here["text_encoder"]
    there["text_depth"] = there["text_depth"] or here["text_depth"]
    if other_encoder:
        there |= {name: here[name] for name in OF_TEXT_ENCODERS}
    different = {name: (there[name], value) for name, value in here.items() if there[name] != value}
    if theirs.family != ours.family:
        different["fusion"] = (theirs.family, ours.family)
    if different:
        raise InputError(f"config: init is another network ({different}: there, here); wanted equal model settings")
    taken, names = theirs.state_dict(), ours.state_dict()
    if not other_encoder:
        return taken, [name for name in names if name.startswith(WORD_LAYERS) and name not in taken]
    new = [name for name in names if name == WEIGHT or name.startswith(("text_encoder.", WORD_LAYERS))]
    null = taken[WEIGHT] @ taken[NULL] + taken[BIAS]
    taken |= {BIAS: null, NULL: torch.zeros_like(names[NULL])}
    return {name: weights for name, weights in taken.items() if name in names and name not in new}, new
