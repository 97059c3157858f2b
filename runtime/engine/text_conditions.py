"""Texts as the arrays that the network takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genmo.runtime.actions.names import Said
from genmo.runtime.actions.traits import is_of_arms
from genmo.runtime.conditions.spans import Text
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.engine.known_prompts import prompt_notes
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder
from genmo.runtime.engine.token_bundle import TokenEngine
from genmo.runtime.support.arrays import Arrays
from genmo.runtime.support.errors import InputError


def text_notes(engine: Engine | TokenEngine, texts: Sequence[Text]) -> list[str]:
    """A line on each text with words that the engine was not trained on (`engine.known_prompts`)."""
    known, encoder = engine.known_prompts, engine.text_encoder
    if known is None or not isinstance(encoder, WordPieceTextEncoder):
        return []
    prompts = dict.fromkeys(text.prompt for text in texts)
    return [note for prompt in prompts for note in prompt_notes(prompt, known, encoder.table)]


LEAST_SAID = 1.5
"""of a reading's amount, below which a text says nothing that measuring could tell takes apart by"""


def said_by(
    engine: Engine | TokenEngine, texts: Sequence[Text], frames: int, arms: Sequence[Text] = ()
) -> tuple[Said, ...]:
    """What the texts of a motion of so many frames say that can be measured; nothing for engines without a reader, nor
    for texts that say too little.

    `arms`: what some of the texts' frames say of the arms alone; that counts for arms alone, and what the texts of
    these frames say for all else: who waves in other motions stands.
    """
    reader = engine.text_reader
    if reader is None:
        return ()
    of_arms, apart = np.array(list(map(is_of_arms, reader.traits))), {(text.start, text.end) for text in arms}
    found = []
    for text, counts in [
        *((text, ~of_arms | ((text.start, text.end) not in apart)) for text in texts),
        *((text, of_arms) for text in arms),
    ]:
        reading = reader.read(text.prompt)
        if reading.amount >= LEAST_SAID:
            end = frames if text.end is None else min(text.end, frames)
            found.append(Said(text.start, end, reader.traits, np.where(counts, reading.weights, 0)))
    return tuple(found)


def text_conditions(engine: Engine, texts: Sequence[Text], frames: int) -> Arrays:
    """Text arrays [1, texts, ...] of a motion of so many frames; without a text one empty slot, for the null text.

    Raises InputError for texts where the engine has no text encoder, and for a prompt that it cannot take.
    """
    config, encoder = engine.config, engine.text_encoder
    tokens = np.zeros((1, max(len(texts), 1), config.text_tokens, config.text_width), np.float32)
    mask = np.zeros(tokens.shape[:3], np.float32)
    spans = np.zeros((*tokens.shape[:2], 2), np.int64)
    for index, text in enumerate(texts):
        source = f"{text.source}: " if text.source else ""
        if encoder is None:
            raise InputError(f"{source}this engine has no text encoder; wanted an engine with one, or no text")
        try:
            tokens[0, index], mask[0, index] = encoder.encode(text.prompt)
        except InputError as error:
            raise InputError(f"{source}{error}") from None
        spans[0, index] = text.start, frames if text.end is None else min(text.end, frames)
    return {"text_tokens": tokens, "text_token_mask": mask, "text_spans": spans}
