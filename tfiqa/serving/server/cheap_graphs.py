"""Signatures that cost so little that waking another thread to run them would take longer than they do.

TensorFlow runs a graph in threads of its own, and the caller waits for them: two changes of threads, which take from 20
microseconds to, on a busy machine, several hundred. It can run a graph in the caller's thread instead, but then without a time
limit, and one op after the other. That is for graphs without loops, whose ops are all quick, and whose tensors are about as
large as the inputs: Fill, Range and Tile make large ones of a few numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

CALLER_THREAD: Final = -1  # as `RunOptions.inter_op_thread_pool`
MAX_NODES: Final = 200  # of a cheap graph, function bodies included
MAX_VALUES: Final = 64  # of a short output, for each row
SHORT_REQUEST: Final = 16 * 1024  # bytes, some thousand numbers: cheap signatures with short outputs answer in no time
SHORTEST_REQUEST: Final = 256  # bytes, some fifty numbers: all cheap ones do

_CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_QUICK: Final = frozenset(
    """
    Abs Add AddN AddV2 All Any ArgMax ArgMin Assert BiasAdd Cast Ceil ClipByValue ConcatV2 Const Div DivNoNan
    Equal Exp ExpandDims Floor FloorDiv Greater GreaterEqual Identity IdentityN LeakyRelu Less LessEqual Log Log1p
    LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mul Neg NoOp NotEqual OnesLike Pack ParseExampleV2
    Placeholder PlaceholderWithDefault Pow Prod Rank ReadVariableOp RealDiv Relu Relu6 Reshape Round Rsqrt Select
    SelectV2 Shape Sigmoid Sign Size Slice Softmax Softplus Split SplitV Sqrt Square SquaredDifference Squeeze StopGradient
    StridedSlice StringJoin StringLength Sub Sum Tanh Transpose Unpack VarHandleOp VariableV2 ZerosLike
    """.split()
)


def cheap_signatures(graph: GraphDef, signatures: Mapping[str, SignatureDef]) -> frozenset[str]:
    """The names of the signatures that run quick ops alone, at most MAX_NODES of them.

    Args:
        graph: the graph with its library of functions, as it stands in a SavedModel.
        signatures: those of the same file, by name.
    """
    nodes = {node.name: node for node in graph.node}
    functions = {function.signature.name: list(function.node_def) for function in graph.library.function}
    return frozenset(
        name
        for name, signature in signatures.items()
        if _are_quick(_nodes_for((info.name for info in signature.outputs.values()), nodes), functions)
    )


def quick_request(signatures: Iterable[SignatureDef]) -> int:
    """The longest request, in bytes, that cheap signatures answer in no time.

    It depends on whether the outputs have few values for each row of the inputs, by the shapes in the file. Quick ops alone do
    not promise that: what compares each row with each other one answers a few kilobytes with megabytes, which take seconds to
    write.
    """
    outputs = (info.tensor_shape for signature in signatures for info in signature.outputs.values())
    return SHORT_REQUEST if all(map(_is_short, outputs)) else SHORTEST_REQUEST


def _is_short(shape: TensorShapeProto) -> bool:
    sizes = [dim.size for dim in shape.dim[1:]]  # -1 where open
    return not shape.unknown_rank and min(sizes, default=0) >= 0 and math.prod(sizes) <= MAX_VALUES


def _nodes_for(tensors: Iterable[str], nodes: Mapping[str, NodeDef]) -> list[NodeDef]:
    """The nodes of the graph that these tensors need."""
    found: dict[str, NodeDef] = {}
    waiting = list(tensors)
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name in nodes and name not in found:
            found[name] = nodes[name]
            waiting.extend(nodes[name].input)
    return list(found.values())


def _are_quick(nodes: list[NodeDef], functions: Mapping[str, list[NodeDef]]) -> bool:
    """Whether the nodes, and the functions that they call, are quick and few."""
    count, waiting = 0, [nodes]
    while waiting:
        body = waiting.pop()
        count += len(body)
        if count > MAX_NODES:
            return False
        for node in body:
            if node.op in _CALLS and node.attr["f"].func.name in functions:
                waiting.append(functions[node.attr["f"].func.name])
            elif node.op not in _QUICK:
                return False
    return True
