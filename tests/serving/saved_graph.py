"""What a SavedModel is made of, read from its file."""

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

# Operations of the XLA compiler, of TPUs, and those that call back into Python.
_FORBIDDEN = ("Xla", "_Xla", "TPU", "PyFunc", "EagerPyFunc", "PyFuncStateless")


def operations(saved: Path) -> set[str]:
    """Return the names of all operations in the graph and in all its functions."""
    graph = saved_model_pb2.SavedModel.FromString((saved / "saved_model.pb").read_bytes())
    (meta_graph,) = graph.meta_graphs
    nodes = list(meta_graph.graph_def.node)
    for function in meta_graph.graph_def.library.function:
        nodes += function.node_def
    return {node.op for node in nodes}


def unwanted(saved: Path) -> list[str]:
    """Return what a server without Python, XLA and custom operations could not run.

    Custom operations have a name with the package in front, such as `Addons>Warp`; what XLA must
    compile is marked by an attribute of a function.
    """
    graph = saved_model_pb2.SavedModel.FromString((saved / "saved_model.pb").read_bytes())
    functions = graph.meta_graphs[0].graph_def.library.function
    compiled = [
        function.signature.name
        for function in functions
        if function.attr["_XlaMustCompile"].b or function.attr["_XlaCompile"].b
    ]
    names = [name for name in operations(saved) if name.startswith(_FORBIDDEN) or ">" in name]
    return sorted(names) + compiled
