/// Readers of published checkpoints. Nothing in a file is ever executed, and an invalid file causes a
/// [dev.fovea.engine.checkpoint.CheckpointException].
package dev.fovea.converter.source;
