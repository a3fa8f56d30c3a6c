package dev.fovea.cli;

/// A picture as a vector.
///
/// @param image the file, as the command line named it
record Embedding(String image, float[] embedding) {}
