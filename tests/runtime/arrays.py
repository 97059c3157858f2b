"""Random inputs of an engine, for the tests of the libraries that run it."""

import numpy as np

from genmo.runtime.denoiser.signature import inputs


def random_inputs(config, texts_of, frames=130, texts=2, seed=0):
    """A motion for each entry of `texts_of`, which says whether its texts reach it; t = 700."""
    random = np.random.default_rng(seed)
    sizes = {"batch": len(texts_of), "frames": frames, "texts": texts}
    arrays = {spec.name: random.normal(size=spec.shape(**sizes)).astype(spec.dtype) for spec in inputs(config)}
    arrays |= {name: (array > 0).astype(np.float32) for name, array in arrays.items() if name.endswith("_mask")}
    spans = [[[5, 100 if spoken else 5]] * texts for spoken in texts_of]
    return arrays | {"timestep": np.full(len(texts_of), 700), "text_spans": np.array(spans)}
