"""A recorded pass on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unseen.classifier.graph.session import session_of
from unseen.classifier.graph.tape import Program, Tape
from unseen.classifier.graph.translating import written
from unseen.classifier.graph.writing import Cropped
from unseen.errors import NotRecordedError, UnseenError, first_line


class RecordedPass:
    """Normalised photographs ``(N, C, *space)``, and masks if the pass takes any, → what the network returns.

    Args:
        run: the pass, of the same operations whatever the values are.
        examples: a photograph and its masks, each with a first axis of one row.

    Raises:
        NotRecordedError: the pass has no such form, or not the package that runs it.
    """

    def __init__(self, run: Callable[..., object], *examples: Tensor) -> None:
        def record(count: int) -> tuple[Tape, Tensor]:
            inputs = [example.expand(count, *example.shape[1:]).contiguous() for example in examples]
            with torch.no_grad(), Tape(*inputs) as tape:
                output = run(*inputs)
            if not isinstance(output, Tensor):
                raise NotRecordedError("the network returns something else than a tensor")
            return tape, output

        self._program = Program.of(record)
        graph = written(self._program, tuple(examples[0].shape))
        self._masks = graph.masks
        try:
            self._session = session_of(graph.content, torch.get_num_threads())
        except UnseenError:
            raise
        except Exception as error:  # onnxruntime has a class of its own for every fault, none of them public
            raise NotRecordedError(f"ONNX Runtime refuses it ({first_line(error)})") from error

    def __call__(self, photographs: Tensor, *masks: Tensor) -> Tensor:
        """The pass of any number of photographs."""
        derived = self._program.masks(*masks)
        feed = {"x": photographs.contiguous().numpy()}
        for name, mask in self._masks.items():
            inside = _inside(derived[mask.number], mask)
            feed[name] = inside.expand(len(photographs), *inside.shape[1:]).float().contiguous().numpy()
        (output,) = self._session.run(None, feed)
        return torch.from_numpy(output)


def _inside(tensor: Tensor, mask: Cropped) -> Tensor:
    for axis, (before, after) in enumerate(mask.border, start=2):
        tensor = tensor.narrow(axis, before, tensor.shape[axis] - before - after)
    return tensor
