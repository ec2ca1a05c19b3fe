"""The same function with fewer passes over memory: batch norms folded into convolutions, activations in place."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LAYOUTS = {1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d}
"""The fastest order of an input's numbers in memory, by its axes."""

_FRESH = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""Layers whose output is a tensor of its own, which their gradients do not need."""
_FROM_RESULT = (nn.ReLU, nn.ReLU6)
"""Activations whose gradients need their result alone."""


def lean(model: nn.Module) -> nn.Module:
    """A copy of ``model``, in evaluation mode, that computes the same with fewer passes over memory.

    Batch norms are folded (:func:`fold_batch_norms`), and an activation overwrites what the layer before made for it
    alone. A network that cannot be traced is copied as it is.
    """
    network = fold_batch_norms(model)
    if isinstance(network, fx.GraphModule):
        _activate_in_place(network)
    return network


def _activate_in_place(traced: fx.GraphModule) -> None:
    modules = dict(traced.named_modules())
    called = [node for node in traced.graph.nodes if node.op == "call_module"]
    uses = Counter(node.target for node in called)
    for node in called:
        before = node.args[0] if node.args else None
        activation = modules[str(node.target)]
        if type(activation) not in _FROM_RESULT or uses[node.target] > 1:
            continue
        if not (isinstance(before, fx.Node) and before.op == "call_module" and len(before.users) == 1):
            continue
        if type(modules[str(before.target)]) in _FRESH:
            activation.inplace = True


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """A copy of ``model``, in evaluation mode, without the batch norms that directly follow a convolution.

    A convolution that is used twice, or whose output goes elsewhere too, keeps its batch norm. A network that
    cannot be traced is copied as it is.
    """
    network = copy.deepcopy(model).eval()
    try:
        traced = fx.symbolic_trace(network)
    except Exception:  # tracing fails in as many ways as there are control flows; the plain copy is as right
        return network
    uses = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.args else None
        if not (node.op == "call_module" and isinstance(before, fx.Node) and before.op == "call_module"):
            continue
        norm, convolution = modules[str(node.target)], modules[str(before.target)]
        foldable = type(norm) is nn.BatchNorm2d and type(convolution) is nn.Conv2d and norm.track_running_stats
        if foldable and len(before.users) == 1 and uses[before.target] == 1:
            traced.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced
