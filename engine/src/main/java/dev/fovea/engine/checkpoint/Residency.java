package dev.fovea.engine.checkpoint;

/// Where the tensors of an open file reside.
///
/// | | [#LOADED] | [#MAPPED] |
/// |---|---|---|
/// | opening | reads the whole file | reads the header; the rest is read at first use |
/// | a forward pass | reads weights in place | copies each block of a weight before use: about 8 % of the time of ViT-B |
/// | memory | private to the process, of the file's size | the system's page cache: shared, and reclaimed under pressure |
/// | limit | the machine's memory, whatever the size of Java's heap | the address space |
/// | another program truncates the file | no effect | a [CheckpointException] |
///
/// Results are bit-identical. Load a model that runs often; map it for a single pass, for several processes with the same model, or
/// if it does not fit in memory.
public enum Residency {
  /// In native memory.
  LOADED,
  /// In the mapped file.
  MAPPED
}
