package dev.fovea.cli;

/// A picture or a text as a vector.
///
/// @param name the picture's file, as the command line named it, or the text
record Embedding(String name, float[] embedding) {}
