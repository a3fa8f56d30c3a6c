package dev.fovea.models;

/// A class that a picture may show.
///
/// @param index the class's number
/// @param label its name
/// @param score its probability, in `[0, 1]`
public record Classification(int index, String label, float score) {}
