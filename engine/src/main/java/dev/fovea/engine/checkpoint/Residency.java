package dev.fovea.engine.checkpoint;

/// Where the tensors of an open file are while they are used.
///
/// | | [#LOADED] | [#MAPPED] |
/// |---|---|---|
/// | opening | reads the whole file | reads the header; the rest comes when it is first used |
/// | a forward pass | reads weights where they lie | copies each piece of a weight before it uses it: some 8 % of ViT-B |
/// | memory | the process's own, as much as the file has | the system's cache of files: shared, and given up under pressure |
/// | limit | the machine's memory; Java's heap and its options do not count | the address space |
/// | another program truncates the file | nothing happens | a [CheckpointException] |
///
/// Results are the same bits. Load what runs often; map for a single pass, for several processes with the same model, or a model
/// that does not fit in memory.
public enum Residency {
  /// In native memory.
  LOADED,
  /// In the mapped file.
  MAPPED
}
