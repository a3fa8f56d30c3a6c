/// Readers of published checkpoints. Nothing in a file is ever executed, and a file that is not what it says ends in a
/// [dev.fovea.engine.checkpoint.CheckpointException].
package dev.fovea.converter.source;
