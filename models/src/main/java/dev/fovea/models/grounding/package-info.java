/// Grounding DINO, which finds in a picture what a text names.
package dev.fovea.models.grounding;
