/// Layers: records of their weights, whose `forward` performs or records operations in the running pass of its argument.
///
/// | | |
/// |---|---|
/// | threads | a layer is immutable, and any number of threads may use it, each in a workspace of its own |
/// | ownership | weights belong to who loaded them; a result belongs to the workspace, and is valid until its next pass |
/// | cost | a layer has no memory of its own: it costs its operations, and the workspace plans their results |
/// | errors | a null is refused by name; a shape that the layer does not accept is an [IllegalArgumentException] of the operation |
/// | interrupts | an interrupted thread ends the pass before its next operation, see [dev.fovea.engine.tensor.CancelledException] |
package dev.fovea.engine.nn;
